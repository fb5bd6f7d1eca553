import { isRecord } from './graph.js';

/** Makes a node of one class fail as if it had raised a Python exception. */
export interface NodeFailure {
  class_type: string;
  exception_type: string;
  message: string;
  /** How many more executions fail; left out, every one does. */
  times?: number;
}

/** Switches that may be turned while the server runs. */
export interface Faults {
  /** All sockets are torn down (close code 1006) once per prompt when a sampler reaches this share of its steps; null: never. */
  dropSocketAtPercent: number | null;
  /** POST /prompt answers the plain-text 500 and queues nothing. */
  refuseNewPrompts500: boolean;
  /** The worker takes no further prompt, while HTTP and websocket go on answering. */
  zombieWorker: boolean;
  failNode: NodeFailure | null;
  /** Added before every HTTP answer, in ms. */
  latencyMs: number;
  /** Between `execution_success` and the moment history knows the job, in ms. */
  historyDelayMs: number;
}

export const NO_FAULTS: Readonly<Faults> = {
  dropSocketAtPercent: null,
  refuseNewPrompts500: false,
  zombieWorker: false,
  failNode: null,
  latencyMs: 0,
  historyDelayMs: 0,
};

/** Checks the body of POST /simulator/faults. @returns the part to merge, or a sentence saying what is wrong. */
export function parseFaults(body: unknown): Partial<Faults> | string {
  if (!isRecord(body)) return 'a JSON object is expected';
  const faults: Partial<Faults> = {};
  for (const [key, value] of Object.entries(body)) {
    if (key === 'refuseNewPrompts500' || key === 'zombieWorker') {
      if (typeof value !== 'boolean') return `${key} must be a boolean`;
      faults[key] = value;
    } else if (key === 'latencyMs' || key === 'historyDelayMs') {
      if (typeof value !== 'number' || value < 0) return `${key} must be a number of milliseconds`;
      faults[key] = value;
    } else if (key === 'dropSocketAtPercent') {
      if (value !== null && typeof value !== 'number') return `${key} must be a number or null`;
      faults[key] = value;
    } else if (key === 'failNode') {
      const failure = parseNodeFailure(value);
      if (typeof failure === 'string') return failure;
      faults[key] = failure;
    } else {
      return `unknown fault ${key}`;
    }
  }
  return faults;
}

function parseNodeFailure(value: unknown): NodeFailure | null | string {
  if (value === null) return null;
  if (!isRecord(value)) return 'failNode must be an object or null';
  const { class_type, exception_type, message, times } = value;
  if (typeof class_type !== 'string' || typeof exception_type !== 'string' || typeof message !== 'string') {
    return 'failNode needs the strings class_type, exception_type and message';
  }
  if (times !== undefined && (typeof times !== 'number' || times < 1)) return 'failNode.times must be at least 1';
  return { class_type, exception_type, message, ...(times === undefined ? {} : { times }) };
}

/** Takes one failure for this class, counting `times` down. */
export function takeNodeFailure(faults: Faults, classType: string): NodeFailure | undefined {
  const failure = faults.failNode;
  if (failure?.class_type !== classType) return undefined;
  if (failure.times !== undefined) {
    faults.failNode = failure.times > 1 ? { ...failure, times: failure.times - 1 } : null;
  }
  return failure;
}
