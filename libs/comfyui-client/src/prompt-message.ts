import { z } from 'zod';
import { parseServerJson } from './server-json.js';

const promptId = z.string();
const NodeProgress = z.looseObject({
  value: z.number().nullable(),
  max: z.number().nullable(),
  state: z.string(),
  node_id: z.string(),
  display_node_id: z.string().nullish(),
  real_node_id: z.string().nullish(),
});

/** Messages about one prompt. Only those that name their prompt: the server also sends some that do not (contract §1.2). */
const PromptMessageSchema = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('execution_start'), data: z.looseObject({ prompt_id: promptId }) }),
  z.looseObject({
    type: z.literal('execution_cached'),
    data: z.looseObject({ prompt_id: promptId, nodes: z.array(z.string()) }),
  }),
  /** `node: null` comes last of all, when history has the entry. */
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
  z.looseObject({ type: z.literal('executed'), data: z.looseObject({ prompt_id: promptId, node: z.string() }) }),
  /** Comes before the history entry exists. */
  z.looseObject({ type: z.literal('execution_success'), data: z.looseObject({ prompt_id: promptId }) }),
  /** Not always final: a blocked node is reported so and the prompt goes on (contract §1.3, 11). */
  z.looseObject({ type: z.literal('execution_error'), data: z.looseObject({ prompt_id: promptId }) }),
  z.looseObject({ type: z.literal('execution_interrupted'), data: z.looseObject({ prompt_id: promptId }) }),
]);
export type PromptMessage = z.infer<typeof PromptMessageSchema>;

/** A text frame as a message about a prompt; undefined for everything else (status, flags, unknown kinds, no JSON). */
export function parsePromptMessage(frame: string): PromptMessage | undefined {
  let value: unknown;
  try {
    value = parseServerJson(frame);
  } catch {
    return undefined;
  }
  return PromptMessageSchema.safeParse(value).data;
}
