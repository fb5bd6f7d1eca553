import type { Faults } from '../faults.js';
import type { History } from '../history.js';
import { empty, json } from '../http/reply.js';
import type { Routes } from '../http/router.js';
import type { PromptQueue } from '../queue.js';
import type { Worker } from '../worker.js';
import { bodyMembers, jsonBody } from './body.js';

export interface QueueRoutesEnvironment {
  readonly queue: PromptQueue;
  readonly history: History;
  readonly worker: Worker;
  readonly faults: Faults;
}

/** Queue, history and the orders to the worker. All orders answer an empty 200, whatever they found to do. */
export function queueRoutes({ queue, history, worker, faults }: QueueRoutesEnvironment): Routes {
  return {
    'GET /queue': () => json({ queue_running: queue.runningItems(), queue_pending: queue.pendingItems() }),
    'POST /queue': ({ body }) => {
      const members = bodyMembers(body);
      if (members['clear']) queue.clearPending();
      for (const id of idsToDelete(members)) queue.deletePending(id);
      return empty();
    },
    'GET /history': ({ query }) => json(history.page(integer(query, 'max_items'), offset(query))),
    'GET /history/{id}': ({ parameters }) => {
      const entry = history.get(parameters['id'] ?? '');
      return json(entry === undefined ? {} : { [entry.prompt[1]]: entry });
    },
    'POST /history': ({ body }) => {
      const members = bodyMembers(body);
      if (members['clear']) history.clear();
      for (const id of idsToDelete(members)) history.delete(id);
      return empty();
    },
    'POST /interrupt': ({ body }) => {
      const promptId = faults.interruptIgnoresIds ? undefined : interruptedId(body);
      if (promptId === undefined || queue.isRunning(promptId)) worker.interrupt();
      return empty();
    },
    'POST /free': ({ body }) => {
      const members = bodyMembers(body);
      worker.free({ memory: Boolean(members['free_memory']), models: Boolean(members['unload_models']) });
      return empty();
    },
  };
}

/** Without a usable id the interruption hits whatever runs; a body that cannot be read counts as none. */
function interruptedId(body: Buffer): string | undefined {
  try {
    const parsed = jsonBody(body);
    const id = typeof parsed === 'object' && parsed !== null && 'prompt_id' in parsed ? parsed.prompt_id : undefined;
    return typeof id === 'string' && id !== '' ? id : undefined;
  } catch {
    // As measured: /interrupt alone takes any body.
    return undefined;
  }
}

/** @throws TypeError for `null`, over which Python cannot loop; a string is walked letter by letter */
function idsToDelete(members: Readonly<Record<string, unknown>>): unknown[] {
  if (!('delete' in members)) return [];
  const ids = members['delete'];
  if (Array.isArray(ids)) return ids;
  if (typeof ids === 'string') return [...ids];
  throw new TypeError('delete is not iterable');
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (!/^[+-]?\d+$/.test(value.trim())) throw new TypeError(`${name} is not an integer`);
  return Number(value);
}

/** ComfyUI's own default of -1 means "from the end". */
function offset(query: URLSearchParams): number | undefined {
  const value = integer(query, 'offset');
  return value === undefined || value < 0 ? undefined : value;
}
