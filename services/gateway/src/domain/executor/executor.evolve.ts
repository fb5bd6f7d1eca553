import { ExecutorPausedV1, ExecutorResumedV1 } from '@anime/contracts';
import type { RecordedEvent } from '@anime/event-store/pure';
import type { ExecutorState } from './executor.state.js';

/** Folds one event of an executor; total: whatever is told of it, it is there. */
export function evolveExecutor(executor: ExecutorState, event: RecordedEvent): ExecutorState {
  const pausedAt = executor.stage === 'absent' ? undefined : executor.pausedAt;
  switch (event.type) {
    case ExecutorPausedV1.type:
      return { stage: 'known', pausedAt: pausedAt ?? event.position };
    case ExecutorResumedV1.type:
      return { stage: 'known', pausedAt: undefined };
    default:
      return { stage: 'known', pausedAt };
  }
}
