import type { ExecutorHeartbeat, ServiceStatus } from '@anime/contracts';
import type { SystemStatus } from '@anime/contracts/http';
import { ProblemError } from '@anime/problem-details';
import type { LiveStatus } from '../adapters/live/live-status.js';
import type { DeadLettersReadModel } from '../adapters/postgres/dead-letters-read-model.js';
import type { ExecutorDetail, ExecutorsReadModel } from '../adapters/postgres/executors-read-model.js';
import { lookAtLog } from '../time-limit.js';
import { executorLinks } from './executor-links.js';

type ReadModelStatus = SystemStatus['readModel'];
/** How many voids and dead letters the answer names. */
const LISTED = 20;

export interface SystemQueryDeps {
  readonly log: { end(): Promise<number> };
  readonly reads: Pick<ExecutorsReadModel, 'position' | 'list'>;
  readonly letters: Pick<DeadLettersReadModel, 'unsettled'>;
  readonly live: Pick<LiveStatus, 'services' | 'executors'>;
  /** What this process says about itself: it is there even when no message gets through. */
  readonly own: () => Promise<ServiceStatus>;
}

/** The whole system as the gateway sees it now; what cannot be asked is said to be unreachable. */
export class SystemQuery {
  readonly #deps: SystemQueryDeps;

  constructor(deps: SystemQueryDeps) {
    this.#deps = deps;
  }

  async status(): Promise<SystemStatus> {
    const [end, figures, registered, own] = await Promise.all([
      asked(() => lookAtLog(this.#deps.log.end())),
      asked(() => this.#figures()),
      asked(() => this.#deps.reads.list()),
      this.#deps.own(),
    ]);
    const others = this.#deps.live.services().filter((service) => service.instance !== own.instance);
    return {
      log: { reachable: end.reason === null, reason: end.reason, end: end.value ?? null },
      readModel: {
        reachable: figures.reason === null,
        reason: figures.reason,
        position: figures.value?.position ?? null,
        lag:
          end.value === undefined || figures.value === undefined
            ? null
            : Math.max(0, end.value - figures.value.position),
        voids: figures.value?.voids ?? null,
        deadLetters: figures.value?.deadLetters ?? null,
      },
      services: [own, ...others].sort((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : 0)),
      executors: withSilent(this.#deps.live.executors(), registered.value ?? []),
    };
  }

  async #figures(): Promise<Pick<ReadModelStatus, 'voids' | 'deadLetters'> & { readonly position: number }> {
    const { reads, letters } = this.#deps;
    const [position, { voids, deadLetters }] = await Promise.all([reads.position(), letters.unsettled(LISTED)]);
    return {
      position,
      voids: {
        ...voids,
        recent: voids.recent.map(({ position: at, kind, subject, reason }) => ({
          position: at,
          kind,
          subject,
          reason,
        })),
      },
      deadLetters: {
        count: deadLetters.count,
        recent: deadLetters.recent.map((letter) => ({
          id: letter.id,
          state: letter.state,
          consumer: letter.consumer,
          eventId: letter.event_id,
          eventName: letter.event_name,
          aggregateId: letter.aggregate_id,
          code: letter.error_code,
          message: letter.error_message,
          deliveries: letter.deliveries,
          parkedAt: letter.parked_at,
        })),
      },
    };
  }
}

/** Those that were heard lately and, of those that ever registered, those that were not: jobs may still wait for them. */
function withSilent(
  heard: readonly ExecutorHeartbeat[],
  registered: readonly ExecutorDetail[],
): SystemStatus['executors'] {
  const present = new Set(heard.map(({ executorId }) => executorId));
  const silent = registered
    .filter(({ id }) => !present.has(id))
    .map(({ id, name, lost, registeredAt }): ExecutorHeartbeat => {
      const reason =
        lost === null
          ? 'nothing is heard of it: no process serves it'
          : `lost since ${lost.since}: no process serves it, and it gets no work`;
      const at = lost?.since ?? registeredAt;
      return { executorId: id, name, reachable: false, reason, jobId: null, queue: null, at };
    });
  return [...heard, ...silent]
    .map((executor) => ({ ...executor, links: { self: executorLinks({ ...executor, environment: null }).self } }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** The answer, or why there is none. Only what may pass by itself counts as unreachable. */
async function asked<T>(question: () => Promise<T>): Promise<{ readonly value?: T; readonly reason: string | null }> {
  try {
    return { value: await question(), reason: null };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return { reason: error.message };
  }
}
