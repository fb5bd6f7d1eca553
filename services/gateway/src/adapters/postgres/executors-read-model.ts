import type { EventData, ExecutorEnvironmentChangedV1, JobStatus, Sealed } from '@anime/contracts';
import type { Executor } from '@anime/contracts/http';
import type { Database, WaitOptions } from '@anime/projections';
import { jobsProjection } from '../../projections/jobs/jobs.projection.js';
import type { EnvironmentRow, ExecutorRow } from '../../projections/jobs/rows.js';
import { ENVIRONMENTS, EXECUTORS, JOBS } from '../../projections/jobs/tables.js';

/** An executor as the API shows it, before its links are added and what a person wrote is opened. */
export type ExecutorDetail = Omit<Executor, 'links' | 'paused'> & {
  readonly paused: { readonly since: string; readonly by: string; readonly reason: Sealed | null } | null;
};

/** What ran on a server, and who had it first. */
export type EnvironmentDetail = EventData<typeof ExecutorEnvironmentChangedV1> & {
  readonly firstSeenAt: string;
  readonly firstExecutorId: string;
};

/** A job in one of these is with its executor. */
const OPEN: readonly JobStatus[] = ['assigned', 'running'];

interface ExecutorRows {
  readonly executor: ExecutorRow;
  readonly attempts: Executor['openAttempts'];
}

/** Executors and what runs on them, in the tables of the `jobs` read-model. Every method throws 'read-model-unavailable' while PostgreSQL is away. */
export class ExecutorsReadModel {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Every executor that ever registered, by name. */
  async list(): Promise<ExecutorDetail[]> {
    return (await this.#executors('true', [])).map(executorDetail);
  }

  async get(id: string): Promise<ExecutorDetail | undefined> {
    const [rows] = await this.#executors('e.id = $2', [id]);
    return rows && executorDetail(rows);
  }

  /** @param hash as `executor.environment-changed` names it */
  async environment(hash: string): Promise<EnvironmentDetail | undefined> {
    const [found] = await this.#database.query<{ readonly row: EnvironmentRow }>(
      `select to_json(t) as row from ${this.#database.table(ENVIRONMENTS.name)} t where t.environment = $1`,
      [hash],
    );
    return found && environmentDetail(found.row);
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

  #executors(where: string, parameters: readonly unknown[]): Promise<ExecutorRows[]> {
    const { name: executors } = EXECUTORS;
    return this.#database.query<ExecutorRows>(
      `select to_json(e) as executor,
        (select coalesce(json_agg(json_build_object(
            'jobId', j.id, 'attempt', j.attempt, 'status', j.status, 'startedAt', j.started_at
          ) order by j.requested_at, j.id), '[]')
          from ${this.#database.table(JOBS.name)} j where j.executor_id = e.id and j.status = any($1::text[])) as attempts
      from ${this.#database.table(executors)} e where ${where} order by e.name collate "C", e.id`,
      [OPEN, ...parameters],
    );
  }
}

function executorDetail({ executor, attempts }: ExecutorRows): ExecutorDetail {
  const { paused_at, drained_at, drain_reason, lost_at } = executor;
  return {
    id: executor.id,
    name: executor.name,
    comfyuiVersion: executor.comfyui_version,
    simulator: executor.simulator,
    devices: [...executor.devices],
    state: lost_at !== null ? 'lost' : drained_at !== null ? 'drained' : paused_at !== null ? 'paused' : 'ready',
    paused:
      paused_at === null ? null : { since: paused_at, by: executor.paused_by ?? '', reason: executor.pause_reason },
    drained:
      drained_at === null || drain_reason === null
        ? null
        : { since: drained_at, reason: drain_reason, message: executor.drain_message ?? '' },
    lost: lost_at === null ? null : { since: lost_at },
    environment: executor.environment,
    registeredAt: executor.registered_at,
    openAttempts: attempts,
  };
}

function environmentDetail(row: EnvironmentRow): EnvironmentDetail {
  return {
    environment: row.environment,
    comfyuiVersion: row.comfyui_version,
    pythonVersion: row.python_version,
    pytorchVersion: row.pytorch_version,
    cudaVersion: row.cuda_version,
    os: row.os,
    arguments: [...row.arguments],
    devices: row.devices,
    nodeDefinitions: row.node_definitions,
    packs: row.packs,
    firstSeenAt: row.first_seen_at,
    firstExecutorId: row.first_executor_id,
  };
}
