import {
  EXECUTOR_ORDERS,
  JobAcceptedV3,
  JobAssignedV2,
  JobAttemptFailedV2,
  JobDeclinedV1,
  JobExecutedV2,
  JobStartedV2,
  type EventContract,
  type EventData,
  type JobAttemptLostV1,
  type JobCancelOrderedV1,
} from '@anime/contracts';
import {
  causedBy,
  deriveId,
  isEvent,
  lastEventOnSubject,
  newerContract,
  type EventLog,
  type EventOf,
  type RecordedEvent,
} from '@anime/event-store';
import { isProblem, ProblemError } from '@anime/problem-details';
import { decideClaim, type AttemptFact, type ClaimDecision } from '../domain/attempt/claim.js';
import type { Decline } from '../domain/attempt/decline.js';
import type { Failure } from '../domain/attempt/failure.js';
import { withinEvent } from '../domain/attempt/told-size.js';

export type Assigned = EventOf<typeof JobAssignedV2>;
export type CancelOrdered = EventOf<typeof JobCancelOrderedV1>;
export type AttemptLost = EventOf<typeof JobAttemptLostV1>;
export type Accepted = EventData<typeof JobAcceptedV3>;
/** An order of the orchestrator to this executor. */
export type Order = EventOf<(typeof EXECUTOR_ORDERS)[number]>;

/** What the log allows for an attempt, as of a position. */
export interface Claimable {
  readonly decision: ClaimDecision;
  /** The last on the executors' subject of the job, garbage included; 0 when there is none. */
  readonly lastPosition: number;
}

/** True for what the orchestrator tells an executor to do. */
export function isOrder(event: RecordedEvent): event is Order & RecordedEvent {
  return EXECUTOR_ORDERS.some((contract) => isEvent(event, contract));
}

const FACT_TYPES: ReadonlySet<string> = new Set(
  [JobStartedV2, JobDeclinedV1, JobExecutedV2, JobAttemptFailedV2].map((contract) => contract.type),
);
const ACTOR = 'service:comfyui-executor';
const CLAIM_TRIES = 10;

/** Everything that the runner reads from and writes to the log about attempts. */
export class AttemptJournal {
  readonly #log: EventLog;
  readonly #now: () => Date;

  constructor(log: EventLog, now: () => Date = () => new Date()) {
    this.#log = log;
    this.#now = now;
  }

  /**
   * What the job was accepted as.
   * @throws ProblemError `internal` when the log holds no valid `job.accepted`, `newer-contract`, `log-unavailable`
   */
  async accepted(jobId: string): Promise<Accepted> {
    const accepted = await lastEventOnSubject(this.#log, [JobAcceptedV3], jobId);
    if (accepted !== undefined) return accepted.data;
    throw new ProblemError('internal', `job ${jobId} was assigned, but the log holds no valid job.accepted`);
  }

  /**
   * Whether this order is the last that the orchestrator gave this executor about the job. Fenced and void messages
   * have no effect, so they do not replace an order either.
   */
  async isCurrent(order: Order): Promise<boolean> {
    return (await this.#lastOrder(order.aggregateId, order.data.executorId))?.id === order.id;
  }

  /**
   * True when nobody waits for this attempt any more: it has ended, or another order stands after its assignment. What
   * only a newer build can read may be its end or not, so then it is not taken for abandoned.
   */
  async isAbandoned(jobId: string, attempt: number, executorId: string): Promise<boolean> {
    const order = await this.#lastOrder(jobId, executorId);
    if (order === undefined || !isEvent(order, JobAssignedV2) || order.data.attempt !== attempt) return true;
    try {
      return await this.hasEnded(jobId, attempt);
    } catch (error) {
      if (isProblem(error, 'newer-contract')) return false;
      throw error;
    }
  }

  /** True when the log holds the end of this attempt. @throws ProblemError `newer-contract`, `log-unavailable` */
  async hasEnded(jobId: string, attempt: number): Promise<boolean> {
    const { facts } = await this.#facts(jobId);
    return facts.some((fact) => fact.kind === 'ended' && fact.attempt === attempt);
  }

  /** What the recorded facts allow, without claiming anything yet. @throws as `claim` does */
  async claimable(assigned: Assigned): Promise<Claimable> {
    const { facts, lastPosition } = await this.#facts(assigned.aggregateId);
    return { decision: decideClaim(facts, assigned.data.attempt), lastPosition };
  }

  /**
   * Appends `job.started` unless somebody has claimed the attempt. The expectation covers exactly the facts that were
   * read, so of two processes only one claim is stored.
   * @param by the process that claims, and the environment that its server is in; null when that is not known
   * @param seen what `claimable` said: when nothing was recorded since, nothing is read again
   * @returns `claim`: ours is stored and we alone may POST; otherwise what stands in the log
   * @throws ProblemError `newer-contract` when a newer build has recorded something: it may have POSTed this very attempt;
   *   `append-conflict` after the last try, and what else an append throws
   */
  async claim(
    assigned: Assigned,
    { claim, environment }: { readonly claim: string; readonly environment: string | null },
    seen?: Claimable,
  ): Promise<ClaimDecision> {
    const { attempt, executorId, promptId } = assigned.data;
    // The id holds the claim: an equal id would make the log take another process's claim for a repeat of its own.
    const id = deriveId(assigned.id, 'started', claim);
    const data = { attempt, executorId, promptId, claim, environment };
    const decision = await this.#asFirst(
      assigned,
      (lastPosition) => this.#append(JobStartedV2, assigned, id, data, lastPosition),
      seen,
    );
    return decision.kind === 'adopt' && decision.claim === claim ? { kind: 'claim' } : decision;
  }

  /**
   * Appends `job.declined` unless somebody has claimed the attempt: like a claim it may stand only where none stands, or two
   * executors would have the job.
   * @returns `claim`: it is stored and nobody will begin the attempt; otherwise what stands in the log
   * @throws as `claim` does
   */
  async decline(assigned: Assigned, decline: Decline, seen?: Claimable): Promise<ClaimDecision> {
    const { attempt, executorId, promptId } = assigned.data;
    const data = { attempt, executorId, promptId, ...withinEvent(decline) };
    return this.#asFirst(
      assigned,
      (lastPosition) => this.#append(JobDeclinedV1, assigned, deriveId(assigned.id, 'declined'), data, lastPosition),
      seen,
    );
  }

  async executed(assigned: Assigned, data: EventData<typeof JobExecutedV2>): Promise<void> {
    await this.#append(JobExecutedV2, assigned, deriveId(assigned.id, 'executed'), data);
  }

  /** Records the end of an attempt without outputs; the cause is the order that it answers. @returns the event's id */
  async failed(order: Order, failure: Failure): Promise<string> {
    const { attempt, executorId, promptId } = order.data;
    const data = { attempt, executorId, promptId, ...withinEvent(failure) };
    const id = deriveId(order.id, 'attempt-failed');
    await this.#append(JobAttemptFailedV2, order, id, data);
    return id;
  }

  /** Appends with the expectation that nothing else was recorded than what was read; reads again when something was. */
  async #asFirst(
    assigned: Assigned,
    append: (lastPosition: number) => Promise<void>,
    seen: Claimable | undefined,
  ): Promise<ClaimDecision> {
    let known = seen;
    for (let tries = 1; ; tries += 1) {
      const now = known ?? (await this.claimable(assigned));
      known = undefined;
      if (now.decision.kind !== 'claim') return now.decision;
      try {
        await append(now.lastPosition);
        return { kind: 'claim' };
      } catch (error) {
        if (!isProblem(error, 'append-conflict') || tries === CLAIM_TRIES) throw error;
      }
    }
  }

  async #lastOrder(jobId: string, executorId: string): Promise<Order | undefined> {
    try {
      return await lastEventOnSubject(this.#log, EXECUTOR_ORDERS, jobId, executorId);
    } catch (error) {
      // For a newer build to carry out; but it replaces every order that this build can read.
      if (isProblem(error, 'newer-contract')) return undefined;
      throw error;
    }
  }

  /**
   * The executors' facts of a job in order, and the last position on their subject, garbage included. All facts count, not the last one
   * alone: one of an earlier attempt may arrive after this attempt's `started`.
   * @throws ProblemError `newer-contract` when one of them can only be read by a newer build; `log-unavailable`
   */
  async #facts(jobId: string): Promise<{ facts: AttemptFact[]; lastPosition: number }> {
    const last = await this.#log.lastOnSubject(JobStartedV2, jobId);
    if (last === undefined) return { facts: [], lastPosition: 0 };
    const facts: AttemptFact[] = [];
    for await (const entry of this.#log.readAggregate('job', jobId)) {
      if (entry.position > last.position) break;
      if (entry.status === 'event') facts.push(...factOf(entry.event));
      if (entry.status === 'newer' && FACT_TYPES.has(entry.type)) throw newerContract('job', jobId, entry);
    }
    return { facts, lastPosition: last.position };
  }

  async #append<C extends EventContract>(
    contract: C,
    cause: RecordedEvent,
    id: string,
    data: EventData<C>,
    lastPosition?: number,
  ): Promise<void> {
    const event = {
      contract,
      aggregateId: cause.aggregateId,
      data,
      id,
      time: this.#now().toISOString(),
      actor: ACTOR,
      ...causedBy(cause),
    };
    await this.#log.append(event, lastPosition === undefined ? {} : { expect: { scope: 'subject', lastPosition } });
  }
}

function factOf(event: RecordedEvent): AttemptFact[] {
  if (isEvent(event, JobStartedV2)) return [{ kind: 'started', attempt: event.data.attempt, claim: event.data.claim }];
  if (isEvent(event, JobExecutedV2) || isEvent(event, JobAttemptFailedV2) || isEvent(event, JobDeclinedV1))
    return [{ kind: 'ended', attempt: event.data.attempt }];
  return [];
}
