import type { ProjectSettings } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';

/** No job is admitted on a count that began longer ago; the jobs that this gateway adds meanwhile are counted by itself. */
const FRESH_MS = 1_000;
/** A read-model that does not answer within this is away: a request for a job must not wait for a PostgreSQL that hangs. */
const COUNT_LIMIT_MS = 1_000;
/**
 * For so long a job counts that the read-model has not come to: it may have ended long ago. The jobs that a read-model which
 * stands still did count are counted on, as here nobody knows whether they ended: a refusal says how long it has stood.
 */
const UNSEEN_MS = 60_000;
/** Seconds after which a refused request is worth sending again. */
const RETRY_AFTER = 30;

/** How many jobs wait, as far as the read-model has read. */
export interface WaitingCount {
  /** Need not count beyond the limit. */
  readonly count: number;
  /** Position in the log of the last event that it knows. */
  readonly position: number;
}

export interface QueueLimitOptions {
  /** Jobs that may wait. */
  readonly limit: number;
  /** The project whose jobs are meant; all jobs when absent. */
  readonly project?: string;
  readonly countWaiting: (limit: number) => Promise<WaitingCount>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** What storing a job tells of it. */
interface Stored {
  readonly position: number;
}

/** A job that this gateway stored. */
export interface StoredJob extends Stored {
  /** Id of its project. */
  readonly project: string | undefined;
  /** When, in milliseconds of the clock. */
  readonly at: number;
}

/**
 * Refuses new jobs while too many wait: those that the read-model counts, and those of this gateway that it has not
 * come to. So one gateway admits exactly as many as may wait; of several, each may admit what the others have added that
 * its last count does not show yet, and a job whose append was not acknowledged counts once it shows there. While the
 * read-model is away nothing is refused, as a job that is accepted is safe.
 */
export class QueueLimit {
  readonly #options: QueueLimitOptions;
  #limit: number;
  /** Undefined before the first count, and while the read-model is away. */
  #counted: WaitingCount | undefined;
  /** When the last count began. */
  #countedAt: number | undefined;
  #counting: Promise<void> | undefined;
  /** A count was given up that the read-model has not answered: it is away until then. */
  #hanging = false;
  /** Where the read-model stands, and since when that is known. */
  #standing: { readonly position: number; readonly since: number } | undefined;
  /** Requests that are being decided or stored. */
  #asking = 0;
  /** Admitted jobs that are being stored: whether the count knows them is not known. */
  readonly #underWay = new Set<Promise<Stored>>();
  /** Stored ones that the count does not know. */
  #unseen: StoredJob[];

  /** @param unseen Jobs stored before that the read-model may not have come to */
  constructor(options: QueueLimitOptions, unseen: readonly StoredJob[] = []) {
    this.#options = options;
    this.#limit = options.limit;
    this.#unseen = [...unseen];
  }

  /** Whether requests are being decided by it. */
  get inUse(): boolean {
    return this.#asking > 0;
  }

  /** Jobs that the last count did not know. */
  get unseen(): readonly StoredJob[] {
    return this.#unseen;
  }

  /** From now on so many may wait. */
  changeLimit(limit: number): void {
    this.#limit = limit;
  }

  /** A job of those that it limits is stored, whether it admitted it or not. To be told before `store` of `admit` resolves. */
  remember(job: StoredJob): void {
    if (this.#counted === undefined || job.position > this.#counted.position) this.#unseen.push(job);
  }

  /**
   * Stores a job when there is room for it. One that could not be stored leaves its room to others.
   * @throws ProblemError `queue-full`, and what `store` throws
   */
  async admit<Result extends Stored>(store: () => Promise<Result>): Promise<Result> {
    this.#asking += 1;
    try {
      return await this.#storeInRoom(store);
    } finally {
      this.#asking -= 1;
    }
  }

  async #storeInRoom<Result extends Stored>(store: () => Promise<Result>): Promise<Result> {
    if (this.#isStale()) await this.#count();
    // At the limit the newest count is asked for before anybody is refused.
    if (this.#isFull()) {
      const begunBefore = this.#counting !== undefined;
      await this.#count();
      if (begunBefore && this.#isFull()) await this.#count();
    }
    // Some may be both counted and under way, or fail: how they end tells.
    while (this.#isFull() && !this.#isFullOfStored()) await Promise.allSettled(this.#underWay);
    if (this.#isFull()) throw this.#full();
    // Nothing may be awaited since the last look.
    const storing = store().finally(() => this.#underWay.delete(storing));
    this.#underWay.add(storing);
    return storing;
  }

  #isStale(): boolean {
    return this.#countedAt === undefined || this.#options.clock() - this.#countedAt >= FRESH_MS;
  }

  #isFull(): boolean {
    return this.#holds(this.#underWay.size);
  }

  #isFullOfStored(): boolean {
    return this.#holds(0);
  }

  #holds(underWay: number): boolean {
    return this.#counted !== undefined && this.#counted.count + this.#unseen.length + underWay >= this.#limit;
  }

  /** One count at a time, for all who wait for one. */
  #count(): Promise<void> {
    this.#counting ??= this.#takeCount().finally(() => (this.#counting = undefined));
    return this.#counting;
  }

  async #takeCount(): Promise<void> {
    const { clock } = this.#options;
    const limit = this.#limit;
    const begun = clock();
    const counted = await this.#ask(limit);
    this.#countedAt = begun;
    if (counted === undefined) {
      this.#counted = undefined;
    } else {
      const { count, position } = counted;
      // A count that ended at its limit tells nothing of a higher one, which may be set by now.
      this.#counted = { count: count < limit ? count : Infinity, position };
      if (this.#standing?.position !== position) this.#standing = { position, since: begun };
    }
    const now = clock();
    const position = counted?.position ?? 0;
    this.#unseen = this.#unseen.filter((job) => job.position > position && now - job.at < UNSEEN_MS);
  }

  /** Undefined when the read-model is away. One question at a time: a PostgreSQL that hangs holds one connection only. */
  async #ask(limit: number): Promise<WaitingCount | undefined> {
    if (this.#hanging) return undefined;
    const asked = this.#options.countWaiting(limit).catch(() => undefined);
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => {
      this.#hanging = true;
      void asked.then(() => (this.#hanging = false));
      resolve(undefined);
    }, COUNT_LIMIT_MS);
    try {
      return await Promise.race([asked, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #full(): ProblemError {
    const { project, clock } = this.#options;
    const jobs = project === undefined ? 'jobs' : `jobs of the project ${project}`;
    const stood = this.#standing === undefined ? 0 : clock() - this.#standing.since;
    // That may be a queue in which nothing happens, or a read-model that does not see it: here nobody knows which.
    const standing =
      stood < UNSEEN_MS
        ? ''
        : `; the read-model that tells so has stood at position ${this.#standing?.position} for ${Math.floor(stood / 1_000)} s: if jobs ended meanwhile, it must run again first`;
    return new ProblemError(
      'queue-full',
      `${this.#limit} ${jobs} wait already: send it again when some of them are done${standing}`,
      { retryAfter: RETRY_AFTER },
    );
  }
}

export interface QueueLimitsOptions {
  /** Jobs of the whole studio that may wait. */
  readonly limit: number;
  /** As of `QueueLimitOptions`; of one project when its id is given. */
  readonly countWaiting: (limit: number, projectId?: string) => Promise<WaitingCount>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** The studio's limit of waiting jobs, and those that projects set for their own. */
export class QueueLimits {
  readonly #options: QueueLimitsOptions;
  readonly #studio: QueueLimit;
  /** By id of the project. */
  readonly #projects = new Map<string, QueueLimit>();

  constructor(options: QueueLimitsOptions) {
    this.#options = options;
    this.#studio = new QueueLimit(options);
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
    const { countWaiting, clock } = this.#options;
    // What the studio's count knows already, every later count knows too.
    const unseen = this.#studio.unseen.filter((job) => job.project === id);
    const queue = new QueueLimit(
      { limit, project: slug, countWaiting: (most) => countWaiting(most, id), clock },
      unseen,
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
