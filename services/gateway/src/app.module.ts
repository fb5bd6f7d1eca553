import { FsBlobStore } from '@anime/blob-store';
import type { ServiceStatus } from '@anime/contracts';
import { deriveId, openLog, studioId, uuidv7, type JetStreamLog } from '@anime/event-store';
import { JetStreamStrategy, startStatusReporter } from '@anime/messaging';
import {
  consumerObserver,
  createLogger,
  createMetrics,
  exposeConsumers,
  logCheck,
  packageVersion,
  Readiness,
  type RunServiceOptions,
} from '@anime/service-runtime';
import { serveDocumentation } from './adapters/http/documentation.js';
import { GenerateController } from './adapters/http/generate.controller.js';
import { JobsController } from './adapters/http/jobs.controller.js';
import { SystemController } from './adapters/http/system.controller.js';
import { followLive } from './adapters/live/follow-live.js';
import { LiveStatus } from './adapters/live/live-status.js';
import { gatewayDatabase } from './adapters/postgres/gateway-database.js';
import { JobsReadModel } from './adapters/postgres/jobs-read-model.js';
import { JobCommands } from './commands/job-commands.js';
import { isTemporary, registerTemplate } from './commands/register-template.js';
import type { GatewayConfig } from './config.js';
import { consumers } from './consumers.js';
import { JobQueries } from './queries/job-queries.js';
import { SystemQuery } from './queries/system-query.js';
import { TemplateRegistration } from './templates/template-registration.js';
import { TemplateRegistry } from './templates/template-registry.js';

const NAME = 'gateway';
/**
 * A request must know within three seconds that the log is away: three sends of one event, each waiting so long for its
 * acknowledgement. A repeat is harmless, the log knows the event's id.
 */
const ACK_TIMEOUT_MS = 900;
const GRACE_MS = 900;

const version = packageVersion(import.meta.url);

/** The service's Nest module: its controllers, and what they are given. */
class GatewayModule {}

/** Tells requests that wait for something as soon as the service stops, so that they are answered and not cut off. */
class DrainableReadiness extends Readiness {
  readonly #stopping: AbortController;

  constructor(stopping: AbortController) {
    super();
    this.#stopping = stopping;
  }

  override drain(): void {
    super.drain();
    this.#stopping.abort();
  }
}

/** The one composition root: builds the parts from the configuration and wires them. */
export function composeGateway(config: GatewayConfig): RunServiceOptions {
  const logger = createLogger(NAME, { level: config.LOG_LEVEL });
  const metrics = createMetrics(NAME);
  const stopping = new AbortController();
  const readiness = new DrainableReadiness(stopping);
  const instance = uuidv7();
  const now = (): string => new Date().toISOString();
  const startedAt = now();
  const log = openLog({ natsUrl: config.NATS_URL, name: NAME, ackTimeoutMs: ACK_TIMEOUT_MS, graceMs: GRACE_MS });
  const blobs = new FsBlobStore(config.ANIME_BLOBS_DIR);
  const database = gatewayDatabase(config.DATABASE_URL);
  const reads = new JobsReadModel(database);

  const templates = new TemplateRegistry();
  const registration = new TemplateRegistration({
    folder: config.ANIME_WORKFLOWS_DIR,
    register: (template) => registerTemplate({ log, blobs, studio: config.ANIME_STUDIO, now }, template),
    isTemporary,
    onRegistered: (data) => templates.add({ data }),
    onFault: (message) => logger.error(message),
  });

  const queries = new JobQueries(reads, log, stopping.signal);
  const commands = new JobCommands({
    log,
    templates,
    // Whoever reaches the loopback interface is the one user of this machine; accounts come with authentication.
    actor: deriveId(studioId(config.ANIME_STUDIO), 'actor', 'local'),
    checkpoint: config.ANIME_CHECKPOINT,
    now,
    endInReadModel: (jobId) => queries.end(jobId),
  });

  const strategy = new JetStreamStrategy({
    log,
    table: consumers(database, templates, () => void registration.run(stopping.signal)),
    service: NAME,
    logger,
    observer: consumerObserver(metrics),
  });
  exposeConsumers(metrics, () => strategy.consumers());

  readiness.add('log', logCheck(log));
  readiness.add('durability', () => durability(log, config.NATS_SYNCED));
  readiness.add('read-model', () => database.check());
  readiness.add('consumers', strategy.check);
  readiness.add('templates', () => registration.check());

  const live = new LiveStatus();
  void followLive(
    log,
    live,
    (reason, subject) => logger.debug({ reason, subject }, 'a live message was dropped'),
    stopping.signal,
  );
  const own = async (): Promise<ServiceStatus> => {
    const { ready, checks } = await readiness.report();
    const rows = strategy
      .consumers()
      .map(({ name, kind, position, lag, state, reason }) => ({ name, kind, position, lag, state, reason }));
    return { service: NAME, instance, version, startedAt, ready, checks: [...checks], consumers: rows, at: now() };
  };
  const system = new SystemQuery({ log, reads, live, own });
  const reporter = startStatusReporter({
    nats: log,
    service: NAME,
    instance,
    version,
    readiness: () => readiness.report(),
    consumers: () => strategy.consumers(),
    logger,
  });

  return {
    name: NAME,
    version,
    config,
    module: {
      module: GatewayModule,
      controllers: [GenerateController, JobsController, SystemController],
      providers: [
        { provide: JobCommands, useValue: commands },
        { provide: JobQueries, useValue: queries },
        { provide: SystemQuery, useValue: system },
      ],
    },
    readiness,
    logger,
    metrics,
    strategy,
    log,
    configure: serveDocumentation,
    onDrain: async () => {
      reporter.stop();
      await database.close();
    },
  };
}

/** Whether "accepted" survives a power cut: a cluster's replicas see to it, a single server only when it syncs each write. */
async function durability(
  log: JetStreamLog,
  synced: boolean,
): Promise<{ readonly ok: boolean; readonly reason: string | null }> {
  if (synced || !log.state().connected) return { ok: true, reason: null };
  const { info } = await log.connected();
  if (info?.cluster !== undefined) return { ok: true, reason: null };
  return { ok: true, reason: 'unverified: set NATS_SYNCED=1 when the NATS server runs with sync_interval: always' };
}
