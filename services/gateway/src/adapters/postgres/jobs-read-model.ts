import { ENDED_STATUSES, JOB_STATUSES, JobAcceptedV3, type JobStatus, type JobType } from '@anime/contracts';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, type JobEvent, type JobSummary } from '@anime/contracts/http';
import { CHECKPOINTS, storable, type Database, type TableShape, type WaitOptions } from '@anime/projections';
import { jobsProjection } from '../../projections/jobs/jobs.projection.js';
import type { JobRow, JobTimelineRow, WorkflowRow } from '../../projections/jobs/rows.js';
import {
  EXECUTORS,
  JOB_ATTEMPTS,
  JOB_FILES,
  JOB_OUTPUTS,
  JOB_REQUESTS,
  JOB_SCORES,
  JOB_TIMELINE,
  JOBS,
  WORKFLOWS,
} from '../../projections/jobs/tables.js';
import type { WaitingCount } from '../../commands/waiting-counter.js';
import { decodeCursor, encodeCursor, TimeCursor } from './cursor.js';
import { jobDetail, jobEvent, jobSummary, type JobDetail, type JobRows } from './job-views.js';

/** Which jobs a list shows; all conditions hold together. */
export interface JobFilter {
  readonly status?: readonly JobStatus[] | undefined;
  readonly project?: string | undefined;
  readonly type?: JobType | undefined;
  /** Part of the prompt, upper or lower case. */
  readonly text?: string | undefined;
  /** Requested at or after this instant. */
  readonly from?: string | undefined;
  /** Requested before this instant. */
  readonly to?: string | undefined;
  /** 1..200, default 50. */
  readonly limit?: number | undefined;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

export interface JobList {
  /** Newest request first. */
  readonly items: JobSummary[];
  readonly nextCursor: string | null;
}

export interface JobQueue {
  /** Of every status, ended ones too. */
  readonly counts: Record<JobStatus, number>;
  /** `queued` in the order of acceptance, then `requested` in the order of request; at most 200. */
  readonly queued: JobSummary[];
  /** `assigned`, `running` or `executed`, oldest request first; at most 200. */
  readonly running: JobSummary[];
}

const QUEUE_LIMIT = 200;
/** A job in one of these has no GPU yet. */
const WAITING: readonly JobStatus[] = ['queued', 'requested'];

/** What the gateway reads: plain SQL over the tables of the `jobs` read-model. Every method throws 'read-model-unavailable' while PostgreSQL is away. */
export class JobsReadModel {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** One job with all that belongs to it, as of one moment. */
  async get(id: string): Promise<JobDetail | undefined> {
    const of = (table: TableShape, order: string): string =>
      `(select coalesce(json_agg(t order by ${order}), '[]') from ${this.#table(table)} t where t.job_id = j.id)`;
    const rows = await this.#database.query<JobRows>(
      `select to_json(j) as job,
        (select to_json(r) from ${this.#table(JOB_REQUESTS)} r where r.job_id = j.id) as request,
        (select json_build_object('maxAttempts', t.data->'maxAttempts', 'maxRunSeconds', t.data->'maxRunSeconds',
            'vramGb', t.data->'variants'->0->'vramGb')
          from ${this.#table(JOB_TIMELINE)} t where t.job_id = j.id and t.type = '${JobAcceptedV3.type}' limit 1) as accepted,
        ${this.#declines()} as declines,
        ${of(JOB_ATTEMPTS, 't.attempt')} as attempts,
        ${of(JOB_OUTPUTS, 't.attempt, t.node collate "C", t.output_index')} as outputs,
        ${of(JOB_FILES, 't.attempt, t.path collate "C"')} as files,
        ${of(JOB_SCORES, 't.attempt, t.node collate "C", t.output_index, t.scored_at, t.scorer_build collate "C", t.metric collate "C"')} as scores,
        (select max(t.position)::float8 from ${this.#table(JOB_TIMELINE)} t where t.job_id = j.id) as position
      from ${this.#table(JOBS)} j where j.id = $1`,
      [id],
    );
    return rows[0] && jobDetail(rows[0]);
  }

  /** While job j waits: the last attempts of jobs that wait as others hold memory, the newest of each executor as it is there now. */
  #declines(): string {
    return `(select coalesce(json_agg(d order by d.executor_id), '[]') from (
      select distinct on (a.executor_id) a.* from ${this.#table(JOBS)} w
        join ${this.#table(JOB_ATTEMPTS)} a on a.job_id = w.id and a.attempt = (w.retry->>'failedAttempt')::int
        join ${this.#table(EXECUTORS)} e on e.id = a.executor_id
      where j.status = 'queued' and w.status = 'queued' and a.decline_reason = 'no-memory'
        and a.declined_at > e.registered_at and e.lost_at is null
      order by a.executor_id, a.declined_at desc) d)`;
  }

  /**
   * A page of jobs, newest request first.
   * @throws ProblemError 'bad-cursor'
   */
  async list(filter: JobFilter = {}): Promise<JobList> {
    const limit = Math.min(Math.max(Math.trunc(filter.limit ?? DEFAULT_PAGE_SIZE), 1), MAX_PAGE_SIZE);
    const parameters: unknown[] = [];
    const next = (value: unknown): string => `$${parameters.push(value)}`;
    const where = ['true'];
    if (filter.status !== undefined && filter.status.length > 0)
      where.push(`j.status = any(${next(filter.status)}::text[])`);
    if (filter.project !== undefined) where.push(`j.project = ${next(filter.project)}`);
    if (filter.type !== undefined) where.push(`j.type = ${next(filter.type)}`);
    if (filter.text !== undefined && filter.text !== '') where.push(`r.prompt ilike ${next(containing(filter.text))}`);
    if (filter.from !== undefined) where.push(`j.requested_at >= ${next(filter.from)}`);
    if (filter.to !== undefined) where.push(`j.requested_at < ${next(filter.to)}`);
    if (filter.cursor !== undefined) {
      const { at, id } = decodeCursor(TimeCursor, filter.cursor);
      where.push(`(j.requested_at, j.id) < (${next(at)}, ${next(id)}::uuid)`);
    }
    const found = await this.#summaries(
      `${where.join(' and ')} order by j.requested_at desc, j.id desc limit ${limit + 1}`,
      parameters,
    );
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return {
      items,
      nextCursor:
        found.length > limit && last !== undefined
          ? encodeCursor(TimeCursor, { at: last.requestedAt, id: last.id })
          : null,
    };
  }

  /** A job's events in the order of the log; empty for an unknown job. */
  async events(id: string): Promise<JobEvent[]> {
    const rows = await this.#database.query<{ readonly row: JobTimelineRow }>(
      `select to_json(t) as row from ${this.#table(JOB_TIMELINE)} t where t.job_id = $1 order by t.position`,
      [id],
    );
    return rows.map(({ row }) => jobEvent(row));
  }

  /** What waits and what runs. */
  async queue(): Promise<JobQueue> {
    const open = JOB_STATUSES.filter((status) => !ENDED_STATUSES.includes(status));
    const running = open.filter((status) => !WAITING.includes(status));
    const [counts, queuedJobs, runningJobs] = await Promise.all([
      this.counts(),
      this.#summaries(
        `j.status = any($1::text[]) order by j.accepted_position nulls last, j.requested_at, j.id limit ${QUEUE_LIMIT}`,
        [WAITING],
      ),
      this.#summaries(`j.status = any($1::text[]) order by j.requested_at, j.id limit ${QUEUE_LIMIT}`, [running]),
    ]);
    return { counts, queued: queuedJobs, running: runningJobs };
  }

  /** How many jobs wait, of one project or of all, as of one moment; more than `limit` are not counted. */
  async waiting(limit: number, projectId?: string): Promise<WaitingCount> {
    const ofProject = projectId === undefined ? '' : 'and j.project = $4';
    const rows = await this.#database.query<{ readonly count: string; readonly position: string | null }>(
      `select
        (select count(*) from (
          select 1 from ${this.#table(JOBS)} j where j.status = any($1::text[]) ${ofProject} limit $2
        ) w) as count,
        (select c.position from ${this.#table(CHECKPOINTS)} c where c.projection = $3) as position`,
      [WAITING, limit, jobsProjection.name, ...(projectId === undefined ? [] : [projectId])],
    );
    return { count: Number(rows[0]?.count ?? 0), position: Number(rows[0]?.position ?? 0) };
  }

  /** How many jobs of each status there are, of one project or of all. */
  async counts(projectId?: string): Promise<Record<JobStatus, number>> {
    const where = projectId === undefined ? '' : 'where j.project = $1';
    const counts = await this.#database.query<{ readonly status: JobStatus; readonly count: string }>(
      `select j.status, count(*) as count from ${this.#table(JOBS)} j ${where} group by j.status`,
      projectId === undefined ? [] : [projectId],
    );
    const all = Object.fromEntries(JOB_STATUSES.map((status) => [status, 0])) as Record<JobStatus, number>;
    for (const { status, count } of counts) all[status] = Number(count);
    return all;
  }

  /** How far the read-model has read; 0 = nothing yet. */
  position(): Promise<number> {
    return this.#database.positionOf(jobsProjection.name);
  }

  /**
   * Waits until the read-model has read up to `position`.
   * @throws ProblemError 'position-not-reached' after `timeoutMs`
   */
  waitFor(position: number, options: WaitOptions): Promise<void> {
    return this.#database.waitForPosition(jobsProjection.name, position, options);
  }

  /** Every registered version of every template, by slug and version. */
  templates(): Promise<WorkflowRow[]> {
    return this.#rows<WorkflowRow>(WORKFLOWS, 'order by t.slug collate "C", t.version');
  }

  #table(table: TableShape): string {
    return this.#database.table(table.name);
  }

  async #summaries(whereAndOrder: string, parameters: readonly unknown[]): Promise<JobSummary[]> {
    const rows = await this.#database.query<{ readonly job: JobRow; readonly prompt: string | null }>(
      `select to_json(j) as job, r.prompt from ${this.#table(JOBS)} j join ${this.#table(JOB_REQUESTS)} r on r.job_id = j.id where ${whereAndOrder}`,
      parameters,
    );
    return rows.map(({ job, prompt }) => jobSummary(job, prompt));
  }

  async #rows<Row extends object>(
    table: TableShape,
    rest: string,
    parameters: readonly unknown[] = [],
  ): Promise<Row[]> {
    const rows = await this.#database.query<{ readonly row: Row }>(
      `select to_json(t) as row from ${this.#table(table)} t ${rest}`,
      parameters,
    );
    return rows.map(({ row }) => row);
  }
}

/** LIKE pattern of a text that is to be found as it is. */
function containing(text: string): string {
  return `%${storable(text).replaceAll(/[\\%_]/g, (sign) => `\\${sign}`)}%`;
}
