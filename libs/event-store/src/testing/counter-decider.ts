import { JobCancelRequestedV2, JobStartedV2 } from '@anime/contracts';
import { decided, NOTHING, refused, type Decider } from '../decider.js';
import type { EventOf } from '../event.js';

export interface Counted {
  readonly cancels: number;
  readonly attempts: readonly number[];
}

export type CounterCommand =
  /** Adds a cancel-requested, up to three. */
  | { readonly type: 'cancel' }
  /** Leads to nothing when there is a cancel. */
  | { readonly type: 'cancel-if-none' };

/** The smallest decider that has all three answers and folds two kinds of event; a fixture of the tests. */
export const counterDecider: Decider<
  Counted,
  CounterCommand,
  EventOf<typeof JobCancelRequestedV2 | typeof JobStartedV2>
> = {
  foldVersion: 1,
  initial: { cancels: 0, attempts: [] },
  decide: (command, { cancels }) => {
    if (command.type === 'cancel-if-none')
      return cancels > 0 ? NOTHING : decided(JobCancelRequestedV2, { reason: null });
    return cancels >= 3
      ? refused('job-ended', 'it was cancelled three times')
      : decided(JobCancelRequestedV2, { reason: null });
  },
  evolve: (state, event) => {
    switch (event.type) {
      case 'job.cancel-requested':
        return { ...state, cancels: state.cancels + 1 };
      case 'job.started':
        return { ...state, attempts: [...new Set([...state.attempts, event.data.attempt])].toSorted((a, b) => a - b) };
      default:
        return state;
    }
  },
};
