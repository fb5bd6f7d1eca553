import { ExecutorLostV1, ExecutorRecoveredV1 } from '@anime/contracts';
import { decided, NOTHING, type Decision } from '@anime/event-store/pure';

/** Memory of an executor's GPU that others hold, as it said when it declined jobs for now. */
export interface MemoryShortage {
  /** What needs so many bytes or more is not given to it. */
  readonly bytes: number;
  /** How often it was said since it had room last. */
  readonly declines: number;
  /** The job that was declined last. */
  readonly jobId: string;
  /** When that was settled, by the orchestrator's clock, as those of executors differ; null until it is. */
  readonly since: string | null;
  /** Jobs that ran there at that time: one that ends may give back what it held. */
  readonly running: readonly string[];
}

/** A registered executor, as far as scheduling goes. */
export interface ExecutorState {
  readonly executorId: string;
  readonly name: string;
  /** Since when it is lost: nothing is assigned to it until it is heard again. Null while it is there. */
  readonly lostAt: string | null;
  /** Somebody wants nothing to be assigned to it. */
  readonly paused: boolean;
  /** Its GPU is at fault, or its server runs nothing: nothing is assigned until it registers anew or is resumed. */
  readonly drained: boolean;
  /** Memory of its largest GPU; null when it did not tell. */
  readonly vramBytes: number | null;
  /** Null while nothing is known to be short. */
  readonly shortage: MemoryShortage | null;
  /** Position at which it was last said what is installed there. */
  readonly equippedAt: number;
  /** Last position on any of its subjects: the expectation of the next decision. */
  readonly lastPosition: number;
}

/** Whether it may be given work. */
export function isUsable({ lostAt, paused, drained }: Pick<ExecutorState, 'lostAt' | 'paused' | 'drained'>): boolean {
  return lostAt === null && !paused && !drained;
}

/** True when it will take work without anybody mending it: a paused one waits only for somebody's word. */
export function isAble({ lostAt, drained }: Pick<ExecutorState, 'lostAt' | 'drained'>): boolean {
  return lostAt === null && !drained;
}

/** So long one that is lost counts as one that comes back. */
const AWAY_MS = 3_600_000;

/**
 * True when it is lost for so long that no job should wait for it.
 * @param now ISO instant
 */
export function isGone({ lostAt }: Pick<ExecutorState, 'lostAt'>, now: string): boolean {
  return lostAt !== null && Date.parse(now) - Date.parse(lostAt) >= AWAY_MS;
}

/** True when its largest GPU has so many bytes, or it did not tell how many it has. */
export function fits({ vramBytes }: Pick<ExecutorState, 'vramBytes'>, gpuBytes: number): boolean {
  return vramBytes === null || vramBytes >= gpuBytes;
}

/** What was heard of an executor while the orchestrator listened. Its own clock, milliseconds. */
export interface Observation {
  /** For how long nothing was heard, and it was listened for: a leader that is new begins to count. */
  readonly silentMs: number;
  /** Age of the last heartbeat, whoever led then; undefined when none came since the listening began. */
  readonly heardMsAgo: number | undefined;
  /** For how long all that was heard is that its server does not answer; undefined when that answered last. */
  readonly unreachableMs: number | undefined;
}

/** From when on an executor counts as lost, in ms. */
export interface ExecutorLimits {
  readonly silentMs: number;
  readonly unreachableMs: number;
}

/**
 * Lost when nothing was heard of it, or of its server, for too long; recovered when heard since, with a server that answers.
 * Heartbeats cause nothing else (architecture §6).
 */
export function decideExecutor(state: ExecutorState, observed: Observation, limits: ExecutorLimits): Decision {
  const { silentMs, heardMsAgo, unreachableMs } = observed;
  if (state.lostAt !== null) {
    const isBack = heardMsAgo !== undefined && heardMsAgo < limits.silentMs && unreachableMs === undefined;
    return isBack ? decided(ExecutorRecoveredV1, {}) : NOTHING;
  }
  if (silentMs >= limits.silentMs) return decided(ExecutorLostV1, { silentMs: Math.floor(silentMs) });
  if (unreachableMs === undefined || unreachableMs < limits.unreachableMs) return NOTHING;
  return decided(ExecutorLostV1, { silentMs: Math.floor(unreachableMs) });
}
