import { setTimeout as delay } from 'node:timers/promises';
import type { Job, JobPage, JobTrail, Queue } from '@anime/contracts/http';
import type { EventLog } from '@anime/event-store';
import { isProblem, ProblemError } from '@anime/problem-details';
import type { JobsReadModel, JobFilter } from '../adapters/postgres/jobs-read-model.js';
import type { JobDetail } from '../adapters/postgres/job-views.js';
import { JOB_ENDS, type JobEnd } from '../domain/job/job.state.js';
import { acknowledged } from './acknowledged.js';
import { jobLinks } from './job-links.js';
import { passed, patience, type Waiting } from './waiting.js';

export type JobReads = Pick<JobsReadModel, 'get' | 'list' | 'events' | 'queue' | 'position' | 'waitFor'>;

/** How often a job is looked at while somebody waits for its end. */
const LOOK_MS = 50;
/** A cancel must not hang on a read-model that is slow: without its answer the wish is simply stored. */
const END_LOOK_MS = 500;

/** What people read of jobs, with the promise that the log makes: what was acknowledged is found. */
export class JobQueries {
  readonly #reads: JobReads;
  readonly #log: Pick<EventLog, 'lastOfAggregate'>;
  readonly #stopping: AbortSignal;
  readonly #projectId: (name: string) => string;

  /**
   * @param stopping ends every wait early: what is known then is the answer
   * @param projectId the id of the project that is called so
   */
  constructor(
    reads: JobReads,
    log: Pick<EventLog, 'lastOfAggregate'>,
    stopping: AbortSignal,
    projectId: (name: string) => string,
  ) {
    this.#reads = reads;
    this.#log = log;
    this.#stopping = stopping;
    this.#projectId = projectId;
  }

  /**
   * One job. With `after`, as it is once the read-model has passed that position; with `wait` alone, as it is when it has
   * ended or the time is over.
   * @throws ProblemError `job-not-found`, `position-not-reached`, `read-model-unavailable`, `log-unavailable`
   */
  async job(jobId: string, waiting: Waiting): Promise<Job> {
    const deadline = performance.now() + (waiting.wait ?? 0) * 1_000;
    await passed(this.#reads, waiting, this.#stopping);
    const job = await this.#visible(jobId);
    return withLinks(waiting.after === undefined ? await this.#endedOrLate(job, deadline) : job);
  }

  /** The trail of one job; throws as `job` does. */
  async trail(jobId: string, waiting: Waiting): Promise<JobTrail> {
    await passed(this.#reads, waiting, this.#stopping);
    await this.#visible(jobId);
    // Asked for before the rows, so that the rows are at least as new as the answer says.
    const position = await this.#reads.position();
    return { jobId, events: await this.#reads.events(jobId), position };
  }

  /** A page of jobs. @throws ProblemError `bad-cursor`, `position-not-reached`, `read-model-unavailable` */
  async list({ after, wait, ...filter }: JobFilter & Waiting): Promise<JobPage> {
    await passed(this.#reads, { after, wait }, this.#stopping);
    const position = await this.#reads.position();
    const { from, to, project } = filter;
    const { items, nextCursor } = await this.#reads.list({
      ...filter,
      project: project && this.#projectId(project),
      from: from && instant(from),
      to: to && instant(to),
    });
    return { jobs: items, nextCursor, position };
  }

  /** What waits and runs. @throws ProblemError `position-not-reached`, `read-model-unavailable` */
  async queue(waiting: Waiting): Promise<Queue> {
    await passed(this.#reads, waiting, this.#stopping);
    const position = await this.#reads.position();
    return { ...(await this.#reads.queue()), position };
  }

  /**
   * The job if it ends within the time; undefined if not, also when the read-model cannot say: the request itself is
   * stored either way.
   */
  async endedWithin(jobId: string, position: number, waitMs: number): Promise<Job | undefined> {
    if (waitMs <= 0) return undefined;
    const deadline = performance.now() + waitMs;
    try {
      await this.#reads.waitFor(position, { timeoutMs: waitMs, signal: this.#stopping });
      const job = await this.#reads.get(jobId);
      const last = job && (await this.#endedOrLate(job, deadline));
      return last && endOf(last) !== undefined ? withLinks(last) : undefined;
    } catch (error) {
      if (isProblem(error, 'read-model-unavailable') || isProblem(error, 'position-not-reached')) return undefined;
      throw error;
    }
  }

  /** How the read-model says that the job ended; undefined when it does not, or does not answer at once. */
  async end(jobId: string): Promise<JobEnd | undefined> {
    const late = new AbortController();
    const silence = delay(END_LOOK_MS, undefined, { signal: late.signal, ref: false }).catch(() => undefined);
    try {
      const job = await Promise.race([this.#reads.get(jobId), silence]);
      return job && endOf(job);
    } catch (error) {
      if (isProblem(error, 'read-model-unavailable')) return undefined;
      throw error;
    } finally {
      late.abort();
    }
  }

  async #visible(jobId: string): Promise<JobDetail> {
    const look = { log: this.#log, reads: this.#reads, waiting: patience(this.#stopping) };
    const job = await acknowledged(look, 'job', jobId, () => this.#reads.get(jobId));
    if (job === undefined) throw new ProblemError('job-not-found', `there is no job ${jobId}`);
    return job;
  }

  /** Looks again and again until the job has ended or the time is over. */
  async #endedOrLate(job: JobDetail, deadline: number): Promise<JobDetail> {
    let seen = job;
    for (;;) {
      const left = deadline - performance.now();
      if (endOf(seen) !== undefined || left <= 0 || this.#stopping.aborted) return seen;
      await delay(Math.min(left, LOOK_MS), undefined, { signal: this.#stopping }).catch(() => undefined);
      seen = (await this.#reads.get(job.id)) ?? seen;
    }
  }
}

function endOf({ status }: Pick<JobDetail, 'status'>): JobEnd | undefined {
  return JOB_ENDS.find((end) => end === status);
}

function withLinks(job: JobDetail): Job {
  return { ...job, links: jobLinks(job.id) };
}

/** Any ISO 8601 time in the form that the log has, so that text order is time order. */
function instant(time: string): string {
  return new Date(time).toISOString();
}
