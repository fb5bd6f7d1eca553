import { isRecord } from './graph.js';
import { parsePromptFault, type PromptFault } from './prompt-fault.js';

/** Makes a node of one class fail as if it had raised a Python exception. */
export interface NodeFailure {
  class_type: string;
  exception_type: string;
  message: string;
  /** How many more executions fail; left out, every one does. */
  times?: number;
}

/** Events that are silently not sent. Greetings and answers to feature flags are no events. */
export interface LostEvents {
  /** How large a part of them, 0 to 1; left out: all. */
  share?: number;
  /** Which, by `type`; `binary` for frames; left out: every type. */
  types?: readonly string[];
  /** The same seed loses the same ones; default 0. */
  seed?: number;
}

/** Some answers come late. */
export interface LatencySpikes {
  /** How large a part of the answers, 0 to 1. */
  share: number;
  ms: number;
  /** The same seed delays the same answers; default 0. */
  seed?: number;
}

export const TEARS = ['truncated', 'empty', 'deleted', 'cut-download'] as const;

/** What is wrong with output files that history reports as if nothing were. */
export interface TornFiles {
  /** `truncated`: the first half is there; `cut-download`: whole on disk, but the connection breaks half way. */
  how: (typeof TEARS)[number];
  /** How many more files, or downloads; left out: every one. */
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
  latencySpikes: LatencySpikes | null;
  /** The next request begins a time of so many ms in which nothing is answered; the worker goes on. Then 0 again. */
  stallHttpMs: number;
  /** Between `execution_success` and the moment history knows the job, in ms. */
  historyDelayMs: number;
  lostEvents: LostEvents | null;
  /** As if one client had stopped reading: nobody gets events; they come, in order, when it is turned back. */
  stalledReader: boolean;
  /** Video memory that something else on the card holds, in MiB. */
  reservedVramMb: number;
  /** Every node fails with the CUDA error of a card that is gone, until a restart. */
  gpuFault: boolean;
  /** Node classes this server does not have. */
  missingNodes: readonly string[];
  /** File names no list of choices offers. */
  missingModels: readonly string[];
  tornFiles: TornFiles | null;
  /** Output files are filled with zeros up to this size, in bytes; 0: they are as they are. */
  fileBytes: number;
  /** History says `success` of prompts that ended with `execution_error`. */
  statusLie: boolean;
  /** History entries hold a bare NaN in the outputs of each node. */
  nanInHistory: boolean;
  /** So many POST /prompt queue the prompt and then cut the connection without an answer. */
  cutPromptAnswers: number;
  /** As before 0.5.1: no /api/jobs, and no cancel either. */
  withoutJobs: boolean;
  /** As before 0.25.0: jobs can be read, not cancelled. */
  withoutJobCancel: boolean;
  /** What happens to the next prompts, and when. */
  atPrompt: readonly PromptFault[];
}

export const NO_FAULTS: Readonly<Faults> = {
  dropSocketAtPercent: null,
  refuseNewPrompts500: false,
  zombieWorker: false,
  failNode: null,
  latencyMs: 0,
  latencySpikes: null,
  stallHttpMs: 0,
  historyDelayMs: 0,
  lostEvents: null,
  stalledReader: false,
  reservedVramMb: 0,
  gpuFault: false,
  missingNodes: [],
  missingModels: [],
  tornFiles: null,
  fileBytes: 0,
  statusLie: false,
  nanInHistory: false,
  cutPromptAnswers: 0,
  withoutJobs: false,
  withoutJobCancel: false,
  atPrompt: [],
};

/** A sentence naming the member that is wrong. */
class InvalidFault extends Error {}

type Check<T> = (value: unknown, name: string) => T;

const boolean: Check<boolean> = (value, name) => {
  if (typeof value === 'boolean') return value;
  throw new InvalidFault(`${name} must be a boolean`);
};

const atLeastZero: Check<number> = (value, name) => {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidFault(`${name} must be a number, 0 or more`);
};

const share: Check<number> = (value, name) => {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw new InvalidFault(`${name} must be a number from 0 to 1`);
};

const times: Check<number> = (value, name) => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1) return value;
  throw new InvalidFault(`${name} must be a whole number, at least 1`);
};

const text: Check<string> = (value, name) => {
  if (typeof value === 'string') return value;
  throw new InvalidFault(`${name} must be a string`);
};

const texts: Check<readonly string[]> = (value, name) => {
  if (Array.isArray(value)) return value.map((item) => text(item, `each of ${name}`));
  throw new InvalidFault(`${name} must be a list of strings`);
};

const tear: Check<TornFiles['how']> = (value, name) => {
  const how = TEARS.find((known) => known === value);
  if (how === undefined) throw new InvalidFault(`${name} must be one of ${TEARS.join(', ')}`);
  return how;
};

/** Null, or an object with these members and no others. */
function nullOr<T>(read: (members: Readonly<Record<string, unknown>>) => T, known: readonly string[]): Check<T | null> {
  return (value, name) => {
    if (value === null) return null;
    if (!isRecord(value)) throw new InvalidFault(`${name} must be an object or null`);
    const unknown = Object.keys(value).find((key) => !known.includes(key));
    if (unknown !== undefined) throw new InvalidFault(`${name} has no member ${unknown}`);
    return read(value);
  };
}

/** The member if it is there. */
function optional<K extends string, T>(
  members: Readonly<Record<string, unknown>>,
  key: K,
  check: Check<T>,
  owner: string,
): Partial<Record<K, T>> {
  const found: Partial<Record<K, T>> = {};
  if (members[key] !== undefined) found[key] = check(members[key], `${owner}.${key}`);
  return found;
}

const CHECKS: { readonly [K in keyof Faults]: Check<Faults[K]> } = {
  dropSocketAtPercent: (value, name) => {
    if (value === null || (typeof value === 'number' && value >= 0 && value <= 100)) return value;
    throw new InvalidFault(`${name} must be a number from 0 to 100, or null`);
  },
  refuseNewPrompts500: boolean,
  zombieWorker: boolean,
  failNode: nullOr(
    (members) => ({
      class_type: text(members['class_type'], 'failNode.class_type'),
      exception_type: text(members['exception_type'], 'failNode.exception_type'),
      message: text(members['message'], 'failNode.message'),
      ...optional(members, 'times', times, 'failNode'),
    }),
    ['class_type', 'exception_type', 'message', 'times'],
  ),
  latencyMs: atLeastZero,
  latencySpikes: nullOr(
    (members) => ({
      share: share(members['share'], 'latencySpikes.share'),
      ms: atLeastZero(members['ms'], 'latencySpikes.ms'),
      ...optional(members, 'seed', atLeastZero, 'latencySpikes'),
    }),
    ['share', 'ms', 'seed'],
  ),
  stallHttpMs: atLeastZero,
  historyDelayMs: atLeastZero,
  lostEvents: nullOr(
    (members) => ({
      ...optional(members, 'share', share, 'lostEvents'),
      ...optional(members, 'types', texts, 'lostEvents'),
      ...optional(members, 'seed', atLeastZero, 'lostEvents'),
    }),
    ['share', 'types', 'seed'],
  ),
  stalledReader: boolean,
  reservedVramMb: atLeastZero,
  gpuFault: boolean,
  missingNodes: texts,
  missingModels: texts,
  tornFiles: nullOr(
    (members) => ({
      how: tear(members['how'], 'tornFiles.how'),
      ...optional(members, 'times', times, 'tornFiles'),
    }),
    ['how', 'times'],
  ),
  fileBytes: atLeastZero,
  statusLie: boolean,
  nanInHistory: boolean,
  cutPromptAnswers: atLeastZero,
  withoutJobs: boolean,
  withoutJobCancel: boolean,
  atPrompt: (value, name) => {
    if (!Array.isArray(value)) throw new InvalidFault(`${name} must be a list`);
    return value.map((item, index) => {
      const fault = parsePromptFault(item);
      if (typeof fault === 'string') throw new InvalidFault(`${name}[${index}]: ${fault}`);
      return fault;
    });
  },
};

const isSwitch = (key: string): key is keyof Faults => key in CHECKS;

/** Checks the body of POST /simulator/faults. @returns the part to merge, or a sentence saying what is wrong. */
export function parseFaults(body: unknown): Partial<Faults> | string {
  if (!isRecord(body)) return 'a JSON object is expected';
  const faults: Partial<Faults> = {};
  const set = <K extends keyof Faults>(key: K, value: unknown): void => {
    faults[key] = CHECKS[key](value, key);
  };
  try {
    for (const [key, value] of Object.entries(body)) {
      if (!isSwitch(key)) return `unknown fault ${key}; there are ${Object.keys(CHECKS).join(', ')}`;
      set(key, value);
    }
  } catch (error) {
    if (error instanceof InvalidFault) return error.message;
    throw error;
  }
  return faults;
}

/** One use fewer, null after the last; without `times` it stays. */
function useUp<T extends { readonly times?: number }>(limited: T): T | null {
  if (limited.times === undefined) return limited;
  return limited.times > 1 ? { ...limited, times: limited.times - 1 } : null;
}

/** Takes one failure for this class, counting `times` down. */
export function takeNodeFailure(faults: Faults, classType: string): NodeFailure | undefined {
  const failure = faults.failNode;
  if (failure?.class_type !== classType) return undefined;
  faults.failNode = useUp(failure);
  return failure;
}

/** Takes one tear if it is of this kind, counting `times` down. */
export function takeTear(faults: Faults, isWanted: (how: TornFiles['how']) => boolean): TornFiles['how'] | undefined {
  const torn = faults.tornFiles;
  if (torn === null || !isWanted(torn.how)) return undefined;
  faults.tornFiles = useUp(torn);
  return torn.how;
}
