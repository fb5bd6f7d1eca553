import type { DeadLetterState } from '@anime/contracts';

/** What a consumer gave up. */
export interface GivenUp {
  readonly consumer: string;
  readonly eventId: string;
  readonly eventName: string;
  readonly aggregateId: string;
}

/** The newest wish to have it handled again. */
export interface Replay {
  readonly id: string;
  /** `ce-time`. */
  readonly at: string;
  readonly position: number;
}

/** A dead letter for whoever wants something of it. */
export type DeadLetter =
  | { readonly state: 'absent' }
  | {
      readonly state: DeadLetterState;
      readonly givenUp: GivenUp;
      readonly replay?: Replay;
      /** Position of the event that closed it. */
      readonly closedAt?: number;
    };

export const NO_DEAD_LETTER: DeadLetter = { state: 'absent' };
