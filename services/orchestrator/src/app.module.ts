import { ApiGraph, ExecutorHeartbeatV1 } from '@anime/contracts';
import { LEASES_BUCKET, loadBody, promptIdOf, schedulerIdOf, spillBody } from '@anime/event-store';
import { followLive, KvLease, subscribeSigns } from '@anime/messaging';
import { AggregateSnapshots, createDatabase, PostgresSnapshotStore } from '@anime/projections';
import { ServiceParts, type RunServiceOptions } from '@anime/service-runtime';
import { decisionCounter, exposeOpenJobs } from './adapters/orchestrator-metrics.js';
import type { OrchestratorConfig } from './config.js';
import { consumers } from './consumers.js';
import { ExecutorWatch } from './process/executor-watch.js';
import { Leadership } from './process/leadership.js';
import { OpenWorkKeeper } from './process/open-work-keeper.js';
import { OrchestratorProcess } from './process/orchestrator-process.js';

const NAME = 'orchestrator';
/** A standby takes over when the leader has said nothing for so long. Only a hint: the term event decides. */
const LEASE_MS = 3_000;
/** What becomes due by time alone (retries, the scorer's limit) is looked for this often. */
const TICK_MS = 200;

/** The one composition root: builds the parts from the configuration and wires them. */
export function composeOrchestrator(config: OrchestratorConfig): RunServiceOptions {
  const service = new ServiceParts({ name: NAME, moduleUrl: import.meta.url, config });
  const { log, logger, metrics, readiness, instance } = service;
  const blobs = service.openBlobs(config);
  const database = createDatabase({
    url: config.DATABASE_URL,
    schema: NAME,
    migrations: [{ name: '0001-aggregate-snapshots', class: AggregateSnapshots }],
    applicationName: `anime-${NAME}`,
    poolSize: 3,
  });

  const lease = new KvLease({ log, bucket: LEASES_BUCKET, key: NAME, holder: instance, ttlMs: LEASE_MS, logger });
  const now = (): Date => new Date();
  const schedulerId = schedulerIdOf(config.ANIME_STUDIO);
  const notDecided = (err: unknown): void => logger.warn({ err }, 'nothing could be decided just now');
  const leadership = new Leadership({ log, schedulerId, leader: instance, mayLead: () => lease.held, now });
  const executorWatch = new ExecutorWatch(() => performance.now());
  const process = new OrchestratorProcess({
    log,
    leadership,
    schedulerId,
    loadGraph: (body) => loadBody(body, blobs, ApiGraph),
    spillGraph: (graph) => spillBody(graph, blobs),
    promptIdOf,
    now,
    chance: Math.random,
    onError: (jobId, err) => logger.warn({ jobId, err }, 'a decision could not be written; it will be made again'),
    onDecision: decisionCounter(metrics),
    onTrouble: notDecided,
    scorerLimitMs: config.ANIME_SCORER_LIMIT_MS,
    maxAttempts: config.ANIME_MAX_ATTEMPTS,
    executorWatch,
    executorLimitMs: config.ANIME_EXECUTOR_LIMIT_MS,
    serverLimitMs: config.ANIME_SERVER_LIMIT_MS,
  });
  exposeOpenJobs(metrics, () => (leadership.leads(process.work) ? process.work : undefined));
  const keeper = new OpenWorkKeeper({
    log,
    process,
    snapshots: new PostgresSnapshotStore(database),
    schedulerId,
    now: () => performance.now(),
    onTrouble: (what, err) => logger.warn({ err }, what),
  });
  const draining = new AbortController();
  const leaving = new AbortController();
  const leading = leadWheneverPossible(lease, leaving.signal);
  const stopLeading = async (): Promise<void> => {
    leaving.abort();
    await leading;
    await lease.release();
  };
  void followLive(
    log,
    (nc) => [
      // That one beats is enough: of a version that this build does not know, only the silence counts.
      subscribeSigns(nc, ExecutorHeartbeatV1, ({ executorId = '' }, said) =>
        executorWatch.onHeartbeat(executorId, said?.reachable),
      ),
    ],
    (reason) => logger.debug({ reason }, 'heartbeats are not heard'),
    draining.signal,
  );
  const tick = setInterval(() => {
    executorWatch.look(log.state().connected);
    process.decide().catch(notDecided);
    keeper.look();
  }, TICK_MS);

  // A standby is ready too: it takes over. Without PostgreSQL the orchestrator works on; only its next start is slower.
  readiness.add('leadership', () => {
    if (leadership.trouble !== null) return { ok: false, reason: leadership.trouble };
    return { ok: true, reason: lease.held ? null : 'standby: another orchestrator leads, or NATS cannot say who does' };
  });
  readiness.add('snapshots', () => ({ ok: true, reason: keeper.reason }));
  return service.options({
    table: consumers(process, keeper, stopLeading),
    onDrain: async () => {
      clearInterval(tick);
      draining.abort();
      await stopLeading();
      await keeper.save();
      await database.close();
    },
  });
}

/** Holds the lease whenever nobody else does, until the signal aborts. */
async function leadWheneverPossible(lease: KvLease, signal: AbortSignal): Promise<void> {
  while (await lease.acquire(signal)) {
    const lost = Promise.withResolvers<void>();
    lease.onLost(lost.resolve);
    signal.addEventListener('abort', () => lost.resolve(), { once: true });
    await lost.promise;
    if (signal.aborted) return;
  }
}
