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

/** What a process has tried in order to lead, with the fold that it has. */
interface Tried {
  /** Position of the term that it has begun and not yet read. */
  begun: number;
  /** Tries in a row that met an event which the fold does not hold. */
  conflicts: number;
}

/** One or two are a race with another process; more are a fault. */
const CONFLICTS_TO_REPORT = 5;

/**
 * The right to decide: a term begun by an event, valid until a higher one stands in the log. A process decides only
 * after it has read its own term; what it wrote before it learns of a higher one is fenced by every reader.
 */
export class Leadership {
  readonly #deps: LeadershipDeps;
  #tried: Tried = { begun: 0, conflicts: 0 };

  constructor(deps: LeadershipDeps) {
    this.#deps = deps;
  }

  /** What keeps this process from leading though it may; null when nothing does. For `/ready`. */
  get trouble(): string | null {
    const { conflicts } = this.#tried;
    if (conflicts < CONFLICTS_TO_REPORT || !this.#deps.mayLead()) return null;
    return `cannot begin a term: the log holds something on the scheduler's subjects that this process has not read (${conflicts} tries)`;
  }

  /**
   * Another fold is led with from now on: the log may be an older copy, without the term that was begun. What a try that
   * is on its way brings no longer counts.
   */
  reset(): void {
    this.#tried = { begun: 0, conflicts: 0 };
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
    const tried = this.#tried;
    if (this.leads(work)) {
      tried.conflicts = 0;
      return work.term?.epoch;
    }
    if (tried.begun > work.schedulerPosition) return undefined;
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
      tried.begun = position;
    } catch (error) {
      // Another process began a term that this one has not read yet.
      if (!isProblem(error, 'append-conflict')) throw error;
      tried.conflicts += 1;
    }
    return undefined;
  }
}
