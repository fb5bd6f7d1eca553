import type { ExecutorState, MemoryShortage } from '../executor/executor.js';
import { stageOf, type JobEvent, type JobState } from '../job/job.state.js';
import { bytesOf } from './bytes.js';

/** After the first decline: as long as an executor tries to free memory before it declines. */
const FIRST_PAUSE_MS = 15_000;
const LONGEST_PAUSE_MS = 300_000;

/** What an event of a job tells of the executor that has its attempt. */
export interface Teller {
  readonly jobId: string;
  /** Before the event. */
  readonly job: JobState;
  /** Jobs that run on the executor now. */
  readonly running: () => readonly string[];
}

/**
 * Memory of an executor that others hold, after an event of a job whose attempt it has: known by a decline; over when a job
 * begins there that needs as much, or one ends that ran there at the time of the decline.
 */
export function shortageAfter(
  known: MemoryShortage | null,
  event: JobEvent,
  { jobId, job, running }: Teller,
): MemoryShortage | null {
  const { assignment } = job;
  if (assignment === undefined) return known;
  switch (event.type) {
    case 'job.declined': {
      const { attempt, reason, evidence } = event.data;
      if (attempt !== assignment.attempt || reason !== 'no-memory' || stageOf(job) !== 'assigned') return known;
      const { freeBytes, neededBytes = bytesOf(assignment.vramGb) } = evidence.memory ?? {};
      // Without the figure only what was declined is known to be too much.
      const tooMuch = freeBytes === undefined ? (known?.bytes ?? Infinity) : Math.floor(freeBytes) + 1;
      return {
        bytes: Math.max(1, Math.min(neededBytes, tooMuch)),
        declines: (known?.declines ?? 0) + 1,
        jobId,
        since: null,
        running: running(),
      };
    }
    case 'job.started':
      if (event.data.attempt !== assignment.attempt) return known;
      return known !== null && bytesOf(assignment.vramGb) >= known.bytes ? null : known;
    case 'job.executed':
    case 'job.attempt-failed':
      return event.data.attempt === assignment.attempt && known?.running.includes(jobId) === true ? null : known;
    case 'job.retry-scheduled':
    case 'job.failed':
    case 'job.cancelled':
      return known?.jobId === jobId && known.since === null ? { ...known, since: event.time } : known;
    default:
      return known;
  }
}

/**
 * Whether it may be seen now if the memory is there again. Later and later: a look keeps the executor busy for as long as it tries
 * to free memory.
 * @param now ISO instant
 */
export function mayProbe({ since, declines }: MemoryShortage, now: string): boolean {
  if (since === null) return false;
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (declines - 1));
  return Date.parse(now) >= Date.parse(since) + pause;
}

/** True when a job that needs so much free memory is one that the executor would decline. */
export function isShortOf({ shortage }: Pick<ExecutorState, 'shortage'>, freeBytes: number): boolean {
  return shortage !== null && freeBytes >= shortage.bytes;
}
