import { z } from 'zod';
import { ServerFeatures } from './server-answers.js';
import { parseServerJson } from './server-json.js';

const promptId = z.string();
/** Milliseconds of the server's clock. */
const timestamp = z.number().nullish();

/** How far one node is. `value` and `max` may be fractions; null where the server says NaN. */
const NodeProgress = z.looseObject({
  value: z.number().nullable(),
  max: z.number().nullable(),
  state: z.string(),
  node_id: z.string(),
  display_node_id: z.string().nullish(),
  parent_node_id: z.string().nullish(),
  real_node_id: z.string().nullish(),
});

/** Messages about one prompt. Only those that name their prompt: the server also sends some that do not (contract §1.2, 6 and 7). */
const PromptMessageSchema = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('execution_start'), data: z.looseObject({ prompt_id: promptId, timestamp }) }),
  z.looseObject({
    type: z.literal('execution_cached'),
    data: z.looseObject({ prompt_id: promptId, nodes: z.array(z.string()), timestamp }),
  }),
  /** `node: null` comes last of all, when history has the entry (contract §1.3, 9). */
  z.looseObject({
    type: z.literal('executing'),
    data: z.looseObject({ prompt_id: promptId, node: z.string().nullable(), display_node: z.string().nullish() }),
  }),
  z.looseObject({
    type: z.literal('progress'),
    data: z.looseObject({ prompt_id: promptId, node: z.string().nullable(), value: z.number(), max: z.number() }),
  }),
  /** Cumulative: every node begun so far. */
  z.looseObject({
    type: z.literal('progress_state'),
    data: z.looseObject({ prompt_id: promptId, nodes: z.record(z.string(), NodeProgress) }),
  }),
  /** What a node shows or saved; null where it has nothing. */
  z.looseObject({
    type: z.literal('executed'),
    data: z.looseObject({
      prompt_id: promptId,
      node: z.string(),
      display_node: z.string().nullish(),
      output: z.record(z.string(), z.unknown()).nullish(),
    }),
  }),
  /** Comes before the history entry exists (contract §1.3, 9). */
  z.looseObject({ type: z.literal('execution_success'), data: z.looseObject({ prompt_id: promptId, timestamp }) }),
  /**
   * Not always final: a node that an ExecutionBlocker stopped is reported so (`ExecutionBlocked`), and the prompt goes on and
   * succeeds (contract §1.3, 11). `executionError` reads the rest of it.
   */
  z.looseObject({
    type: z.literal('execution_error'),
    data: z.looseObject({ prompt_id: promptId, exception_type: z.string().nullish(), timestamp }),
  }),
  z.looseObject({
    type: z.literal('execution_interrupted'),
    data: z.looseObject({
      prompt_id: promptId,
      node_id: z.string().nullish(),
      node_type: z.string().nullish(),
      executed: z.array(z.string()).nullish(),
      timestamp,
    }),
  }),
]);
export type PromptMessage = z.infer<typeof PromptMessageSchema>;

/** Messages about no prompt that is named. */
const OtherMessageSchema = z.discriminatedUnion('type', [
  /** To all sockets at each change of the queue; the first one carries the id of the connection. */
  z.looseObject({
    type: z.literal('status'),
    data: z.looseObject({
      status: z.looseObject({ exec_info: z.looseObject({ queue_remaining: z.number() }) }),
      sid: z.string().nullish(),
    }),
  }),
  /** The answer to ours. */
  z.looseObject({ type: z.literal('feature_flags'), data: ServerFeatures }),
  /** What runs for this client id, told once to a socket that comes late; it names no prompt (contract §1.2, 6). */
  z.looseObject({ type: z.literal('executing'), data: z.looseObject({ node: z.string().nullable() }) }),
]);

/** A text frame of the server, as far as it is one of ComfyUI's own. */
export type ServerMessage = PromptMessage | z.infer<typeof OtherMessageSchema>;

/** Reads a text frame; undefined for kinds that are not known (other extensions have their own) and for what is no JSON. */
export function parseServerMessage(frame: string): ServerMessage | undefined {
  let value: unknown;
  try {
    value = parseServerJson(frame);
  } catch {
    return undefined;
  }
  return PromptMessageSchema.safeParse(value).data ?? OtherMessageSchema.safeParse(value).data;
}

/** True for a message that names its prompt. */
export function isPromptMessage(message: ServerMessage): message is PromptMessage {
  return 'prompt_id' in message.data && typeof message.data.prompt_id === 'string';
}
