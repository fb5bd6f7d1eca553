import type { Environment, Executor } from '@anime/contracts/http';
import type { EventLog } from '@anime/event-store';
import { ProblemError } from '@anime/problem-details';
import type { ExecutorDetail, ExecutorsReadModel } from '../adapters/postgres/executors-read-model.js';
import { executorIdNamed } from '../domain/executor/executor-name.js';
import { acknowledged } from './acknowledged.js';
import { executorLinks } from './executor-links.js';
import { passed, patience, type Waiting } from './waiting.js';

export interface ExecutorQueriesDeps {
  readonly reads: Pick<ExecutorsReadModel, 'list' | 'get' | 'environment' | 'position' | 'waitFor'>;
  readonly log: Pick<EventLog, 'lastOfAggregate'>;
  /** Slug of the studio. */
  readonly studio: string;
  /** Ends every wait early. */
  readonly stopping: AbortSignal;
}

/** An executor before what a person wrote is opened. */
export type ExecutorView = ExecutorDetail & Pick<Executor, 'links'>;

/** What people read of executors. What was acknowledged is found. */
export class ExecutorQueries {
  readonly #deps: ExecutorQueriesDeps;

  constructor(deps: ExecutorQueriesDeps) {
    this.#deps = deps;
  }

  /** All of them, by name. @throws ProblemError `position-not-reached`, `read-model-unavailable` */
  async list(waiting: Waiting): Promise<{ readonly executors: ExecutorView[]; readonly position: number }> {
    const { reads, stopping } = this.#deps;
    await passed(reads, waiting, stopping);
    const position = await reads.position();
    return { executors: (await reads.list()).map(withLinks), position };
  }

  /**
   * One of them.
   * @param name its name or id
   * @throws ProblemError `executor-not-found`, `position-not-reached`, `read-model-unavailable`, `log-unavailable`
   */
  async executor(name: string, waiting: Waiting): Promise<ExecutorView> {
    const { reads, log, studio, stopping } = this.#deps;
    await passed(reads, waiting, stopping);
    const id = executorIdNamed(studio, name);
    const look = { log, reads, waiting: patience(stopping) };
    const executor = await acknowledged(look, 'executor', id, () => reads.get(id));
    if (executor === undefined) throw new ProblemError('executor-not-found', `there is no executor ${name}`);
    return withLinks(executor);
  }

  /** What attempts ran in. @throws ProblemError `environment-not-found`, `position-not-reached`, `read-model-unavailable` */
  async environment(hash: string, waiting: Waiting): Promise<Environment> {
    const { reads, stopping } = this.#deps;
    await passed(reads, waiting, stopping);
    const environment = await reads.environment(hash);
    if (environment === undefined)
      throw new ProblemError('environment-not-found', `no executor ever had the environment ${hash}`);
    return environment;
  }
}

function withLinks(executor: ExecutorDetail): ExecutorView {
  return { ...executor, links: executorLinks(executor) };
}
