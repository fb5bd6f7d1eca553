import { ExecutorLostV1, ExecutorRecoveredV1 } from '@anime/contracts';
import { decided, NOTHING, type Decision } from '@anime/event-store/pure';

/** A registered executor, as far as scheduling goes. */
export interface ExecutorState {
  readonly executorId: string;
  /** Nothing is assigned to it until it is heard again. */
  readonly lost: boolean;
  /** Last position on any of its subjects: the expectation of the next decision. */
  readonly lastPosition: number;
}

/** What was heard of an executor while the orchestrator listened. Its own clock, milliseconds. */
export interface Observation {
  /** For how long nothing was heard, and it was listened for. */
  readonly silentMs: number;
  /** False when nothing was heard since the listening began. */
  readonly heard: boolean;
}

/** Lost when silent for too long, recovered when heard since. Heartbeats cause nothing else (architecture §6). */
export function decideExecutor(state: ExecutorState, { silentMs, heard }: Observation, limitMs: number): Decision {
  if (state.lost) return heard && silentMs < limitMs ? decided(ExecutorRecoveredV1, {}) : NOTHING;
  return silentMs >= limitMs ? decided(ExecutorLostV1, { silentMs: Math.floor(silentMs) }) : NOTHING;
}
