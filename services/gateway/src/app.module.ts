import { ExecutorHeartbeatV1, ServiceStatusV1 } from '@anime/contracts';
import type { JetStreamLog } from '@anime/event-store';
import { followLive, subscribeLive } from '@anime/messaging';
import { FileSubjectKeys } from '@anime/sealed-fields';
import { ServiceParts, type RunServiceOptions } from '@anime/service-runtime';
import { knowCaller } from './adapters/http/know-caller.js';
import { composeAccess } from './access.js';
import { serveDocumentation } from './adapters/http/documentation.js';
import { DeadLettersController } from './adapters/http/dead-letters.controller.js';
import { ExecutorsController } from './adapters/http/executors.controller.js';
import { acceptFiles } from './adapters/http/file-body.js';
import { GenerateController } from './adapters/http/generate.controller.js';
import { BLOBS, InputsController } from './adapters/http/inputs.controller.js';
import { JobsController } from './adapters/http/jobs.controller.js';
import { KeysController } from './adapters/http/keys.controller.js';
import { ProjectsController } from './adapters/http/projects.controller.js';
import { limitRequests } from './adapters/http/rate-limit.js';
import { SealOpener } from './adapters/http/seal-opener.js';
import { SystemController } from './adapters/http/system.controller.js';
import { LiveStatus } from './adapters/live/live-status.js';
import { gatewayDatabase } from './adapters/postgres/gateway-database.js';
import { DeadLettersReadModel } from './adapters/postgres/dead-letters-read-model.js';
import { ExecutorsReadModel } from './adapters/postgres/executors-read-model.js';
import { JobsReadModel } from './adapters/postgres/jobs-read-model.js';
import { ProjectsReadModel } from './adapters/postgres/projects-read-model.js';
import { DeadLetterCommands } from './commands/dead-letter-commands.js';
import { ExecutorCommands } from './commands/executor-commands.js';
import { JobCommands } from './commands/job-commands.js';
import { ProjectCommands } from './commands/project-commands.js';
import { QueueLimits } from './commands/queue-limits.js';
import { isTemporary, registerTemplate } from './commands/register-template.js';
import type { GatewayConfig } from './config.js';
import { consumers } from './consumers.js';
import { projectIdNamed } from './domain/project/project-name.js';
import { DeadLetterQueries } from './queries/dead-letter-queries.js';
import { ExecutorQueries } from './queries/executor-queries.js';
import { JobQueries } from './queries/job-queries.js';
import { ProjectQueries } from './queries/project-queries.js';
import { SystemQuery } from './queries/system-query.js';
import { TemplateRegistration } from './templates/template-registration.js';
import { templateRow } from './templates/template-row.js';
import { TemplateRegistry } from './templates/template-registry.js';

/**
 * A request must know within three seconds that the log is away: three sends of one event, each waiting so long for its
 * acknowledgement. A repeat is harmless, the log knows the event's id.
 */
const ACK_TIMEOUT_MS = 900;
const GRACE_MS = 900;

export interface ComposedGateway {
  readonly options: RunServiceOptions;
  /**
   * Resolves once it may serve; rejects with `configuration-invalid` when nobody could use it, as it needs keys and the log has
   * none. Waits while the log is away: until then it is not ready, and takes no request of its API.
   */
  readonly admission: Promise<void>;
}

/**
 * The one composition root: builds the parts from the configuration and wires them.
 * @throws ProblemError `configuration-invalid`
 */
export function composeGateway(config: GatewayConfig): ComposedGateway {
  const service = new ServiceParts({
    name: 'gateway',
    moduleUrl: import.meta.url,
    config,
    log: { ackTimeoutMs: ACK_TIMEOUT_MS, graceMs: GRACE_MS },
  });
  const { log, logger, readiness } = service;
  const { ANIME_STUDIO: studio } = config;
  const stopping = new AbortController();
  const now = (): string => new Date().toISOString();
  const blobs = service.openBlobs(config);
  const database = gatewayDatabase(config.DATABASE_URL);
  const reads = new JobsReadModel(database);
  const executors = new ExecutorsReadModel(database);
  const subjectKeys = new FileSubjectKeys(config.ANIME_KEYS_DIR);
  const letters = new DeadLettersReadModel(database);

  const templates = new TemplateRegistry();
  const registration = new TemplateRegistration({
    folder: config.ANIME_WORKFLOWS_DIR,
    register: (template) => registerTemplate({ log, blobs, studio, now }, template),
    isTemporary,
    onRegistered: (data) => templates.add({ data }),
    onFault: (message) => logger.error(message),
  });

  const projects = new ProjectCommands({ log, studio, templates, now, clock: () => performance.now() });
  const queries = new JobQueries(reads, log, stopping.signal, (name) => projectIdNamed(studio, name));
  const commands = new JobCommands({
    log,
    blobs,
    templates,
    checkpoint: config.ANIME_CHECKPOINT,
    now,
    projects,
    keys: subjectKeys,
    queueLimits: new QueueLimits({
      limit: config.ANIME_QUEUE_LIMIT,
      countWaiting: (limit, projectId) => reads.waiting(limit, projectId),
      clock: () => performance.now(),
    }),
    endInReadModel: (jobId) => queries.end(jobId),
  });

  const access = composeAccess({ config, service, subjectKeys, now, stopping: stopping.signal });

  readiness.add('durability', () => durability(log, config.NATS_SYNCED));
  readiness.add('read-model', () => database.check());
  readiness.add('templates', () => registration.check());

  const live = new LiveStatus();
  const onError = (reason: string, subject?: string): void =>
    logger.debug({ reason, subject }, 'a live message was not taken');
  void followLive(
    log,
    (nc) => [
      subscribeLive(nc, ServiceStatusV1, (said) => live.onService(said), { onError }),
      subscribeLive(nc, ExecutorHeartbeatV1, (said) => live.onExecutor(said), { onError }),
    ],
    onError,
    stopping.signal,
  );
  const system = new SystemQuery({ log, reads: executors, letters, live, own: () => service.status() });
  const options = service.options({
    table: consumers(
      database,
      templateRow(templates, log, () => void registration.run(stopping.signal)),
      access.row,
    ),
    controllers: [
      GenerateController,
      InputsController,
      JobsController,
      ExecutorsController,
      KeysController,
      ProjectsController,
      DeadLettersController,
      SystemController,
    ],
    providers: [
      { provide: JobCommands, useValue: commands },
      { provide: JobQueries, useValue: queries },
      { provide: BLOBS, useValue: blobs },
      { provide: ExecutorCommands, useValue: new ExecutorCommands({ log, keys: subjectKeys, studio, now }) },
      {
        provide: ExecutorQueries,
        useValue: new ExecutorQueries({ reads: executors, log, studio, stopping: stopping.signal }),
      },
      { provide: ProjectCommands, useValue: projects },
      {
        provide: ProjectQueries,
        useValue: new ProjectQueries({
          reads: new ProjectsReadModel(database),
          jobs: reads,
          log,
          studio,
          stopping: stopping.signal,
        }),
      },
      { provide: DeadLetterCommands, useValue: new DeadLetterCommands({ log, keys: subjectKeys, now }) },
      {
        provide: DeadLetterQueries,
        useValue: new DeadLetterQueries({ reads: letters, log, stopping: stopping.signal }),
      },
      ...access.providers,
      {
        provide: SealOpener,
        useValue: new SealOpener(subjectKeys, (fault) =>
          logger.error({ err: fault }, 'a sealed text cannot be opened'),
        ),
      },
      { provide: SystemQuery, useValue: system },
    ],
    configure: async (app) => {
      knowCaller(app, access.doorkeeper, access.onCaller);
      acceptFiles(app);
      await limitRequests(app, config.ANIME_RATE_LIMIT);
      serveDocumentation(app);
    },
    // Requests that wait for something are answered and not cut off.
    onStopping: () => stopping.abort(),
    onDrain: () => database.close(),
  });
  return { options, admission: access.admission };
}

/** Whether "accepted" survives a power cut: replicas of the log see to it, a single copy only when its server syncs each write. */
async function durability(
  log: JetStreamLog,
  synced: boolean,
): Promise<{ readonly ok: boolean; readonly reason: string | null }> {
  // Whether the log is there is another check.
  if (synced || !log.state().connected) return { ok: true, reason: null };
  const replicas = await log.replicas().catch(() => 1);
  if (replicas > 1) return { ok: true, reason: null };
  return { ok: true, reason: 'unverified: set NATS_SYNCED=1 when the NATS server runs with sync_interval: always' };
}
