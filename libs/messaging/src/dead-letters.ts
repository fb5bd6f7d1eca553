import type {
  DeadLetterOrganizerParkedV1,
  DeadLetterOrganizerSettledV1,
  DeadLetterReplayedV1,
  DeadLetterScorerParkedV1,
  DeadLetterScorerSettledV1,
  ReplayOutcome,
} from '@anime/contracts';
import {
  causedBy,
  deadLetterIdOf,
  deriveId,
  type EventLog,
  type EventOf,
  type RecordedEvent,
} from '@anime/event-store';
import { toProblem } from '@anime/problem-details';

/** Longest text of an error that goes into an event. */
const MESSAGE_LIMIT = 2_000;

export type ReplayedEvent = EventOf<typeof DeadLetterReplayedV1> & RecordedEvent;

export interface DeadLettersOptions {
  readonly log: Pick<EventLog, 'append'>;
  /** Name of the durable: a dead letter's id is derived from it, and a replay names it. */
  readonly consumer: string;
  /** What this service may say of dead letters. */
  readonly parked: typeof DeadLetterScorerParkedV1 | typeof DeadLetterOrganizerParkedV1;
  readonly settled: typeof DeadLetterScorerSettledV1 | typeof DeadLetterOrganizerSettledV1;
  /** ISO instant. */
  readonly now: () => string;
}

/** Why an event was given up, as events say it: a code of the problem catalogue, and words. */
export function failureData(failure: unknown): { readonly code: string; readonly message: string } {
  const { code, message } = toProblem(failure);
  return { code, message: message.slice(0, MESSAGE_LIMIT) || code };
}

/**
 * What one consumer records of the events that it gave up. Every id is derived, so that a repeat after an interruption adds
 * nothing. Its methods throw what an append throws.
 */
export class DeadLetters {
  readonly #options: DeadLettersOptions;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  get consumer(): string {
    return this.#options.consumer;
  }

  /** Records that an event was given up; `deliveries` = how often it was tried. */
  async park(event: RecordedEvent, error: unknown, deliveries: number): Promise<void> {
    const { id: eventId, storedName: eventName, aggregateId } = event;
    const letterId = deadLetterIdOf(this.consumer, eventId);
    await this.#park(letterId, event, { eventId, eventName, aggregateId }, error, deliveries);
  }

  /** Records that a replay came to nothing: its dead letter is open again. */
  async parkAgain(replay: ReplayedEvent, error: unknown, deliveries: number): Promise<void> {
    const { eventId, eventName, aggregateId } = replay.data;
    await this.#park(replay.aggregateId, replay, { eventId, eventName, aggregateId }, error, deliveries);
  }

  /** Records that a replay is over, and its dead letter with it. */
  async settle(replay: ReplayedEvent, outcome: ReplayOutcome): Promise<void> {
    const { consumer } = this.#options;
    await this.#options.log.append({
      ...this.#meta(replay, 'settled'),
      contract: this.#options.settled,
      aggregateId: replay.aggregateId,
      data: { consumer, eventId: replay.data.eventId, replayId: replay.id, outcome },
    });
  }

  async #park(
    letterId: string,
    cause: RecordedEvent,
    what: { readonly eventId: string; readonly eventName: string; readonly aggregateId: string },
    failure: unknown,
    deliveries: number,
  ): Promise<void> {
    const { consumer } = this.#options;
    const error = failureData(failure);
    await this.#options.log.append({
      ...this.#meta(cause, 'parked'),
      contract: this.#options.parked,
      aggregateId: letterId,
      data: { consumer, ...what, error, deliveries },
    });
  }

  #meta(cause: RecordedEvent, fact: 'parked' | 'settled') {
    const { consumer, now, parked } = this.#options;
    const id = deriveId(cause.id, fact, consumer);
    return { id, time: now(), actor: `service:${parked.producer}`, ...causedBy(cause) };
  }
}
