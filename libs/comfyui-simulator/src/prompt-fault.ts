import { isRecord } from './graph.js';

export const FAULT_MOMENTS = ['start', 'middle', 'end'] as const;

/**
 * Where in a prompt: `start` in its first node before that has done anything; `middle` as soon as a progress bar is
 * half done, and at the latest at the beginning of the last node; `end` when the last node has done its work, files
 * written, and nothing has been said of it. In a prompt whose nodes are all cached the three fall together after them.
 */
export type FaultMoment = (typeof FAULT_MOMENTS)[number];

/** What may befall a prompt; the README lists the effects. */
export const PROMPT_FAULT_KINDS = [
  'drop-sockets',
  'lose-events',
  'node-exception',
  'out-of-memory',
  'gpu-fault',
  'interrupt',
  'worker-death',
  'stall-worker',
  'stall-http',
  'refuse-connections',
  'restart',
] as const;
export type PromptFaultKind = (typeof PROMPT_FAULT_KINDS)[number];

/** One fault of the fault matrix. */
export interface PromptFault {
  readonly kind: PromptFaultKind;
  readonly at: FaultMoment;
  /** How many prompts it hits; default 1. */
  readonly times?: number;
  /** How long stalls, refusals and a restart last; default 100. */
  readonly ms?: number;
  /** Of a `node-exception`; default RuntimeError. */
  readonly exception_type?: string;
  readonly message?: string;
}

export const DEFAULT_FAULT_MS = 100;

const MEMBERS = ['kind', 'at', 'times', 'ms', 'exception_type', 'message'];

/** @returns a sentence saying what is wrong */
export function parsePromptFault(value: unknown): PromptFault | string {
  if (!isRecord(value)) return 'must be an object';
  const unknown = Object.keys(value).find((key) => !MEMBERS.includes(key));
  if (unknown !== undefined) return `has no member ${unknown}`;
  const kind = PROMPT_FAULT_KINDS.find((known) => known === value['kind']);
  if (kind === undefined) return `kind must be one of ${PROMPT_FAULT_KINDS.join(', ')}`;
  const at = FAULT_MOMENTS.find((known) => known === value['at']);
  if (at === undefined) return `at must be one of ${FAULT_MOMENTS.join(', ')}`;
  const { times, ms, exception_type, message } = value;
  if (times !== undefined && !(typeof times === 'number' && Number.isInteger(times) && times >= 1)) {
    return 'times must be a whole number, at least 1';
  }
  if (ms !== undefined && !(typeof ms === 'number' && ms >= 0)) return 'ms must be a number, 0 or more';
  if (exception_type !== undefined && typeof exception_type !== 'string') return 'exception_type must be a string';
  if (message !== undefined && typeof message !== 'string') return 'message must be a string';
  return {
    kind,
    at,
    ...(times === undefined ? {} : { times }),
    ...(ms === undefined ? {} : { ms }),
    ...(exception_type === undefined ? {} : { exception_type }),
    ...(message === undefined ? {} : { message }),
  };
}
