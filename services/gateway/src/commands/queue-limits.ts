import type { ProjectSettings } from '@anime/contracts';
import { QueueLimit, type Stored } from './queue-limit.js';
import { WaitingCounter, type CountWaiting } from './waiting-counter.js';

export interface QueueLimitsOptions {
  /** Jobs of the whole studio that may wait. */
  readonly limit: number;
  readonly countWaiting: CountWaiting;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** The studio's limit of waiting jobs, and those that projects set for their own. */
export class QueueLimits {
  readonly #options: QueueLimitsOptions;
  readonly #counter: WaitingCounter;
  readonly #studio: QueueLimit;
  /** By id of the project. */
  readonly #projects = new Map<string, QueueLimit>();

  constructor(options: QueueLimitsOptions) {
    this.#options = options;
    this.#counter = new WaitingCounter(options.countWaiting);
    this.#studio = new QueueLimit({ ...options, countWaiting: (most) => this.#counter.count(most) });
  }

  /**
   * Stores a job when its project and the studio have room for it.
   * @throws ProblemError `queue-full`, and what `store` throws
   */
  admit<Result extends Stored>(project: ProjectLimit | undefined, store: () => Promise<Result>): Promise<Result> {
    const ofStudio = (): Promise<Result> => this.#studio.admit(() => this.#remembering(project?.id, store));
    if (project === undefined) return ofStudio();
    const limit = project.settings.waitingLimit;
    if (limit !== undefined) return this.#of(project, limit).admit(ofStudio);
    // Its jobs would be remembered with nobody to count them.
    if (this.#projects.get(project.id)?.inUse === false) this.#projects.delete(project.id);
    return ofStudio();
  }

  /** Every limit learns of the job in the same moment, that of a project also when it is set while the job is stored. */
  async #remembering<Result extends Stored>(
    project: string | undefined,
    store: () => Promise<Result>,
  ): Promise<Result> {
    const stored = await store();
    const job = { position: stored.position, project, at: this.#options.clock() };
    this.#studio.remember(job);
    if (project !== undefined) this.#projects.get(project)?.remember(job);
    return stored;
  }

  #of({ id, slug }: ProjectLimit, limit: number): QueueLimit {
    const known = this.#projects.get(id);
    if (known !== undefined) {
      known.changeLimit(limit);
      return known;
    }
    const { clock } = this.#options;
    const queue = new QueueLimit(
      { limit, project: slug, countWaiting: (most) => this.#counter.count(most, id), clock },
      this.#studio.recentOf(id),
    );
    this.#projects.set(id, queue);
    return queue;
  }
}

/** What of a project tells how many of its jobs may wait. */
export interface ProjectLimit {
  readonly id: string;
  readonly slug: string;
  readonly settings: Pick<ProjectSettings, 'waitingLimit'>;
}
