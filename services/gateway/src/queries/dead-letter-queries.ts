import { CATALOGUE, DeadLetterDiscardedV1, type Sealed } from '@anime/contracts';
import type { DeadLetter, DeadLetterPage, LoggedEvent, VoidMessagePage } from '@anime/contracts/http';
import { isEvent, newerContract, type EventLog, type RecordedEvent } from '@anime/event-store';
import { ProblemError } from '@anime/problem-details';
import type {
  DeadLetterFilter,
  DeadLettersReadModel,
  VoidFilter,
} from '../adapters/postgres/dead-letters-read-model.js';
import { isDeadLetterEvent } from '../domain/dead-letter/dead-letter.evolve.js';
import { evolveJob } from '../domain/job/job.evolve.js';
import { NO_JOB, type JobState } from '../domain/job/job.state.js';
import { rowAfter } from '../projections/dead-letters/dead-letter-row.js';
import type { DeadLetterRow } from '../projections/dead-letters/rows.js';
import { lookAtLog } from '../time-limit.js';
import { explanationOf } from './dead-letter-explanation.js';
import { passed, type Waiting } from './waiting.js';

export interface DeadLetterQueriesDeps {
  readonly reads: Pick<DeadLettersReadModel, 'list' | 'voids' | 'position' | 'waitFor'>;
  readonly log: Pick<EventLog, 'readAggregate'>;
  /** Ends every wait early. */
  readonly stopping: AbortSignal;
}

/** A dead letter as the log has it, personal text still sealed. */
export interface SealedDeadLetterDetail extends DeadLetter {
  readonly explanation: string;
  readonly event: LoggedEvent | null;
  readonly discardReason: Sealed | null;
  readonly trail: LoggedEvent[];
}

/** What people read of given-up events and of messages without effect. */
export class DeadLetterQueries {
  readonly #deps: DeadLetterQueriesDeps;

  constructor(deps: DeadLetterQueriesDeps) {
    this.#deps = deps;
  }

  /** A page of dead letters. @throws ProblemError `bad-cursor`, `position-not-reached`, `read-model-unavailable` */
  async list({ after, wait, ...filter }: DeadLetterFilter & Waiting): Promise<DeadLetterPage> {
    const position = await this.#passed({ after, wait });
    const { items, nextCursor } = await this.#deps.reads.list(filter);
    return { deadLetters: items.map(deadLetterOf), nextCursor, position };
  }

  /** A page of messages without effect; throws as `list` does. */
  async voids({ after, wait, ...filter }: VoidFilter & Waiting): Promise<VoidMessagePage> {
    const position = await this.#passed({ after, wait });
    const { items, nextCursor } = await this.#deps.reads.voids(filter);
    return { voidMessages: [...items], nextCursor, position };
  }

  /**
   * One dead letter with its event and trail, from the log itself.
   * @throws ProblemError `dead-letter-not-found`, `newer-contract`, `log-unavailable`
   */
  one(id: string): Promise<SealedDeadLetterDetail> {
    return lookAtLog(this.#read(id));
  }

  async #read(id: string): Promise<SealedDeadLetterDetail> {
    let row: DeadLetterRow | undefined;
    const trail = new Map<string, RecordedEvent>();
    for await (const entry of this.#deps.log.readAggregate('dead-letter', id)) {
      if (entry.status === 'newer') throw newerContract('dead-letter', id, entry);
      if (entry.status !== 'event' || !isDeadLetterEvent(entry.event)) continue;
      row = rowAfter(row, entry.event);
      if (!trail.has(entry.event.id)) trail.set(entry.event.id, entry.event);
    }
    if (row === undefined) throw new ProblemError('dead-letter-not-found', `there is no dead letter ${id}`);
    const { event, job } = await this.#givenUp(row);
    const events = [...trail.values()];
    return {
      ...deadLetterOf(row),
      explanation: explanationOf(row, job),
      event: event === undefined ? null : loggedEvent(event),
      discardReason: events.find((one) => isEvent(one, DeadLetterDiscardedV1))?.data.reason ?? null,
      trail: events.map(loggedEvent),
    };
  }

  /** The event itself, and how its job stands. */
  async #givenUp({
    event_id,
    event_name,
    aggregate_id,
  }: DeadLetterRow): Promise<{ readonly event?: RecordedEvent; readonly job: JobState }> {
    let job = NO_JOB;
    let event: RecordedEvent | undefined;
    const aggregate = CATALOGUE.byName.get(event_name)?.aggregate;
    if (aggregate === undefined) return { job };
    for await (const entry of this.#deps.log.readAggregate(aggregate, aggregate_id)) {
      if (entry.status !== 'event') continue;
      if (aggregate === 'job') job = evolveJob(job, entry.event);
      if (entry.event.id === event_id) event ??= entry.event;
    }
    return event === undefined ? { job } : { event, job };
  }

  /** @returns how far the read-model had come, asked for before its rows */
  async #passed(waiting: Waiting): Promise<number> {
    const { reads, stopping } = this.#deps;
    await passed(reads, waiting, stopping);
    return reads.position();
  }
}

function deadLetterOf(row: DeadLetterRow): DeadLetter {
  return {
    id: row.id,
    state: row.state,
    consumer: row.consumer,
    eventId: row.event_id,
    eventName: row.event_name,
    aggregateId: row.aggregate_id,
    error: { code: row.error_code, message: row.error_message },
    deliveries: row.deliveries,
    parkings: row.parkings,
    parkedAt: row.parked_at,
    lastParkedAt: row.last_parked_at,
    replays: row.replays,
    replayedAt: row.replayed_at,
    replayedBy: row.replayed_by,
    settledAt: row.settled_at,
    outcome: row.outcome,
    discardedAt: row.discarded_at,
    discardedBy: row.discarded_by,
  };
}

function loggedEvent(event: RecordedEvent): LoggedEvent {
  return {
    position: event.position,
    id: event.id,
    type: event.type,
    time: event.time,
    producer: event.producer,
    actor: event.actor,
    correlationId: event.correlationId,
    causationId: event.causationId ?? null,
    epoch: event.epoch ?? null,
    data: { ...(event.data as object) },
  };
}
