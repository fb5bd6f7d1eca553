import { randomUUID } from 'node:crypto';
import type { Counters } from '../counters.js';
import type { Faults } from '../faults.js';
import { type Graph, isRecord, type QueueItem } from '../graph.js';
import { internalServerError, json, type Reply } from '../http/reply.js';
import type { Routes } from '../http/router.js';
import type { NodeEnvironment, NodeKind } from '../nodes/node-kind.js';
import { markFloat } from '../python-json.js';
import type { PromptQueue } from '../queue.js';
import { type Validation, validatePrompt } from '../validation.js';
import { visibleKinds } from '../visible-kinds.js';
import { bodyMembers } from './body.js';

export interface PromptRoutesEnvironment extends NodeEnvironment {
  readonly queue: PromptQueue;
  readonly kinds: ReadonlyMap<string, NodeKind>;
  readonly counters: Counters;
  readonly faults: Faults;
  /** Of the first prompt. */
  readonly firstNumber: number;
}

const CANONICAL_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Taken out of everything that can be read back. */
const SECRETS = ['api_key_comfy_org', 'auth_token_comfy_org'];

export function promptRoutes(environment: PromptRoutesEnvironment): Routes {
  const { queue, counters, faults } = environment;
  // Numbers start at 0 with each server and advance on refused prompts, too.
  let nextNumber = environment.firstNumber;

  const numberOf = (body: Readonly<Record<string, unknown>>): PromptNumber => {
    if ('number' in body) return { value: pythonFloat(body['number']), isFloat: true };
    const number = nextNumber;
    nextNumber += 1;
    return { value: body['front'] ? 0 - number : number, isFloat: false };
  };

  const post = (body: Readonly<Record<string, unknown>>): Reply => {
    const number = numberOf(body);
    if (!('prompt' in body)) return refusal('no_prompt', 'No prompt provided', 'No prompt provided');
    const promptId = body['prompt_id'] ?? randomUUID();
    if (typeof promptId !== 'string' || !CANONICAL_UUID.test(promptId)) return invalidPromptId();
    const graph = body['prompt'];
    const validation = validatePrompt(graph, visibleKinds(environment.kinds, faults), environment, targets(body));
    const extraData = extraDataOf(body);
    if (validation.error !== undefined) {
      return json({ error: validation.error, node_errors: validation.nodeErrors }, 400);
    }
    // What passed validation is a graph.
    const item: QueueItem = [number.value, promptId, graph as Graph, extraData, validation.outputs];
    if (number.isFloat) markFloat(item, 0);
    queue.put(item);
    counters.promptsAccepted += 1;
    if (faults.cutPromptAnswers > 0) {
      faults.cutPromptAnswers -= 1;
      return { status: 200, cutAfter: 0 };
    }
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

/** What the client chose is a Python float, what the server counts an int. */
interface PromptNumber {
  readonly value: number;
  readonly isFloat: boolean;
}

function accepted(promptId: string, number: PromptNumber, validation: Validation): Reply {
  const answer = { prompt_id: promptId, number: number.value, node_errors: validation.nodeErrors };
  if (number.isFloat) markFloat(answer, 'number');
  return json(answer);
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

/** Python's `float(x)` of a JSON value: NaN is one, `"nan"` is spelled one. @throws TypeError */
function pythonFloat(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string') throw new TypeError('not a number');
  const word = /^\s*([+-]?)(nan|inf|infinity)\s*$/i.exec(value);
  if (word !== null) return word[2]?.toLowerCase() === 'nan' ? Number.NaN : Number(`${word[1]}Infinity`);
  const number = value.trim() === '' ? Number.NaN : Number(value);
  if (Number.isNaN(number)) throw new TypeError('not a number');
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
  const extraData = body['extra_data'] === undefined ? {} : body['extra_data'];
  if (!isRecord(extraData)) throw new TypeError('extra_data is not an object');
  // The request's own object, so that its floats stay floats.
  if ('client_id' in body) extraData['client_id'] = body['client_id'];
  for (const secret of SECRETS) delete extraData[secret];
  extraData['create_time'] = Date.now();
  return extraData;
}
