import { ExecutorPausedV1, ExecutorResumedV1, type Sealed } from '@anime/contracts';
import { decided, NOTHING, refused, type Decider, type Decision } from '@anime/event-store/pure';
import { evolveExecutor } from './executor.evolve.js';
import { NO_EXECUTOR, type ExecutorState } from './executor.state.js';

/** What somebody may want of an executor; `name` is the name or id by which they call it. */
export type ExecutorCommand =
  /** The reason is sealed before: it is personal. */
  | { readonly kind: 'PauseExecutor'; readonly name: string; readonly reason: Sealed | null }
  | { readonly kind: 'ResumeExecutor'; readonly name: string };

/**
 * Decides one command on one executor. A pause of one that is paused adds nothing. A resume is always stored: a fault of the
 * GPU that it is to end stands among the events of a job.
 */
export function decideExecutor(
  command: ExecutorCommand,
  executor: ExecutorState,
): Decision<typeof ExecutorPausedV1 | typeof ExecutorResumedV1> {
  if (executor.stage === 'absent') return refused('executor-not-found', `there is no executor ${command.name}`);
  switch (command.kind) {
    case 'PauseExecutor':
      return executor.pausedAt === undefined ? decided(ExecutorPausedV1, { reason: command.reason }) : NOTHING;
    case 'ResumeExecutor':
      return decided(ExecutorResumedV1, {});
  }
}

export const executorDecider: Decider<ExecutorState, ExecutorCommand> = {
  foldVersion: 1,
  initial: NO_EXECUTOR,
  decide: decideExecutor,
  evolve: evolveExecutor,
};
