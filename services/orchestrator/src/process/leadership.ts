import { SchedulerTermStartedV1 } from '@anime/contracts';
import { uuidv7, type EventLog } from '@anime/event-store';
import { isProblem } from '@anime/problem-details';
import type { OpenWork } from '../domain/open-work/open-work.js';

export interface LeadershipDeps {
  readonly log: EventLog;
  readonly schedulerId: string;
  /** Random id of this process. */
  readonly leader: string;
  /** Whether this process may try to lead: the lease, which is only a hint. */
  readonly mayLead: () => boolean;
  readonly now: () => Date;
}

/** One or two are a race with another process; more are a fault. */
const CONFLICTS_TO_REPORT = 5;

/**
 * The right to decide: a term begun by an event, valid until a higher one stands in the log. A process decides only
 * after it has read its own term; what it wrote before it learns of a higher one is fenced by every reader.
 */
export class Leadership {
  readonly #deps: LeadershipDeps;
  /** Position of the term this process has begun and not yet read. */
  #begun: number | undefined;
  /** Tries in a row that met an event which the fold does not hold. */
  #conflicts = 0;

  constructor(deps: LeadershipDeps) {
    this.#deps = deps;
  }

  /** What keeps this process from leading though it may; null when nothing does. For `/ready`. */
  get trouble(): string | null {
    if (this.#conflicts < CONFLICTS_TO_REPORT) return null;
    return `cannot begin a term: the log holds something on the scheduler's subjects that this process has not read (${this.#conflicts} tries)`;
  }

  /** True when the newest term in the fold is this process's own. */
  leads(work: OpenWork): boolean {
    return work.term?.leader === this.#deps.leader;
  }

  /**
   * The epoch to decide under, or undefined while this process does not lead; begins a term when it may.
   * @throws ProblemError when the log cannot be written
   */
  async epoch(work: OpenWork): Promise<number | undefined> {
    if (!this.#deps.mayLead()) return undefined;
    if (this.leads(work)) {
      this.#conflicts = 0;
      return work.term?.epoch;
    }
    if (this.#begun !== undefined && this.#begun > work.schedulerPosition) return undefined;
    const id = uuidv7();
    try {
      const { position } = await this.#deps.log.append(
        {
          contract: SchedulerTermStartedV1,
          aggregateId: this.#deps.schedulerId,
          data: { epoch: (work.term?.epoch ?? 0) + 1, leader: this.#deps.leader },
          id,
          time: this.#deps.now().toISOString(),
          correlationId: id,
          actor: 'service:orchestrator',
        },
        { expect: { scope: 'aggregate', lastPosition: work.schedulerPosition } },
      );
      this.#begun = position;
    } catch (error) {
      // Another process began a term that this one has not read yet.
      if (!isProblem(error, 'append-conflict')) throw error;
      this.#conflicts += 1;
    }
    return undefined;
  }
}
