import { randomUUID } from 'node:crypto';
import type { Counters } from '../counters.js';
import type { Faults } from '../faults.js';
import { type Graph, isRecord } from '../graph.js';
import { internalServerError, json, type Reply } from '../http/reply.js';
import type { Routes } from '../http/router.js';
import type { NodeEnvironment, NodeKind } from '../nodes/node-kind.js';
import type { PromptQueue } from '../queue.js';
import { type Validation, validatePrompt } from '../validation.js';
import { bodyMembers } from './body.js';

export interface PromptRoutesEnvironment extends NodeEnvironment {
  readonly queue: PromptQueue;
  readonly kinds: ReadonlyMap<string, NodeKind>;
  readonly counters: Counters;
  readonly faults: Faults;
}

const CANONICAL_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Taken out of everything that can be read back. */
const SECRETS = ['api_key_comfy_org', 'auth_token_comfy_org'];

export function promptRoutes(environment: PromptRoutesEnvironment): Routes {
  const { queue, counters, faults } = environment;
  // Numbers start at 0 with each server and advance on refused prompts, too.
  let nextNumber = 0;

  const numberOf = (body: Readonly<Record<string, unknown>>): number => {
    if ('number' in body) return pythonFloat(body['number']);
    const number = nextNumber;
    nextNumber += 1;
    return body['front'] ? -number : number;
  };

  const post = (body: Readonly<Record<string, unknown>>): Reply => {
    const number = numberOf(body);
    if (!('prompt' in body)) return refusal('no_prompt', 'No prompt provided', 'No prompt provided');
    const promptId = body['prompt_id'] ?? randomUUID();
    if (typeof promptId !== 'string' || !CANONICAL_UUID.test(promptId)) return invalidPromptId();
    const graph = body['prompt'];
    const validation = validatePrompt(graph, environment.kinds, environment, targets(body));
    const extraData = extraDataOf(body);
    if (validation.error !== undefined) {
      return json({ error: validation.error, node_errors: validation.nodeErrors }, 400);
    }
    // What passed validation is a graph.
    queue.put([number, promptId, graph as Graph, extraData, validation.outputs]);
    counters.promptsAccepted += 1;
    return accepted(promptId, number, validation);
  };

  return {
    'GET /prompt': () => json({ exec_info: { queue_remaining: queue.remaining } }),
    'POST /prompt': ({ body }) => {
      counters.promptsPosted += 1;
      if (faults.refuseNewPrompts500) return internalServerError();
      return post(bodyMembers(body));
    },
  };
}

function accepted(promptId: string, number: number, validation: Validation): Reply {
  return json({ prompt_id: promptId, number, node_errors: validation.nodeErrors });
}

function refusal(type: string, message: string, details: string): Reply {
  return json({ error: { type, message, details, extra_info: {} }, node_errors: {} }, 400);
}

function invalidPromptId(): Reply {
  return refusal(
    'invalid_prompt_id',
    'prompt_id must be a valid UUID',
    'prompt_id must be a UUID string in canonical lowercase hyphenated form; omit it to let the server generate one',
  );
}

/** Python's `float(x)` of a JSON value. @throws TypeError */
function pythonFloat(value: unknown): number {
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value);
  if (value === null || typeof value === 'object' || Number.isNaN(number)) throw new TypeError('not a number');
  return number;
}

function targets(body: Readonly<Record<string, unknown>>): readonly string[] | string | undefined {
  const value = body['partial_execution_targets'] ?? undefined;
  // A string is searched for the id as a substring, because Python's `in` does so.
  if (value === undefined || typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(String);
  throw new TypeError('partial_execution_targets is not iterable');
}

/** Kept whole for /queue and /history, with client id and time added. @throws TypeError when it is no object */
function extraDataOf(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given = body['extra_data'] === undefined ? {} : body['extra_data'];
  if (!isRecord(given)) throw new TypeError('extra_data is not an object');
  const extraData = { ...given, ...('client_id' in body ? { client_id: body['client_id'] } : {}) };
  const open = Object.entries(extraData).filter(([key]) => !SECRETS.includes(key));
  return { ...Object.fromEntries(open), create_time: Date.now() };
}
