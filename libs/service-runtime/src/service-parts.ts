import { FsBlobStore, NatsBlobStore, type BlobStore } from '@anime/blob-store';
import type { ServiceName, ServiceStatus } from '@anime/contracts';
import { BLOBS_BUCKET, openLog, uuidv7, type JetStreamLog, type JetStreamLogOptions } from '@anime/event-store';
import { JetStreamStrategy, startStatusReporter, type ConsumerTable, type StatusReporter } from '@anime/messaging';
import type { ModuleMetadata } from '@nestjs/common';
import type { Registry } from 'prom-client';
import { createLogger, type Logger } from './logger.js';
import { consumerObserver, createMetrics, exposeConsumers, exposeProcess } from './metrics.js';
import { packageVersion } from './package-version.js';
import { logCheck, Readiness } from './readiness.js';
import type { RunServiceOptions } from './run-service.js';
import { telemetryInstance } from './telemetry.js';

export interface ServicePartsOptions {
  readonly name: ServiceName;
  /** `import.meta.url` of a file directly in the service's `src`: its package tells the version. */
  readonly moduleUrl: string;
  readonly config: RunServiceOptions['config'] & { readonly NATS_URL: string };
  readonly log?: Pick<JetStreamLogOptions, 'ackTimeoutMs' | 'graceMs'>;
}

/** What a service adds to the common parts. */
export type OwnOptions = { readonly table: ConsumerTable } & Pick<
  RunServiceOptions,
  'configure' | 'onStopping' | 'onDrain'
> &
  Pick<ModuleMetadata, 'controllers' | 'providers'>;

/**
 * What every service has in the same way: logger, metrics, readiness, the log, and a consumer table that runs. A
 * composition root takes these, adds its own, and ends with `options`.
 */
export class ServiceParts {
  readonly name: ServiceName;
  readonly version: string;
  /** UUID of this process; its spans carry it too. */
  readonly instance = telemetryInstance() ?? uuidv7();
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly readiness = new Readiness();
  readonly log: JetStreamLog;
  readonly #config: ServicePartsOptions['config'];
  #strategy: JetStreamStrategy | undefined;
  #reporter: StatusReporter | undefined;

  constructor({ name, moduleUrl, config, log }: ServicePartsOptions) {
    this.name = name;
    this.version = packageVersion(moduleUrl);
    this.logger = createLogger(name, { level: config.LOG_LEVEL });
    this.metrics = createMetrics(name);
    this.log = openLog({
      natsUrl: config.NATS_URL,
      name,
      onDenied: (reason) => this.logger.error({ reason }, 'NATS refuses what this service needs'),
      ...log,
    });
    exposeProcess(this.metrics, this.version, () => this.log.state().connected);
    this.#config = config;
    this.readiness.add('log', logCheck(this.log));
    this.readiness.add('consumers', () => this.#strategy?.check() ?? { ok: false, reason: 'not begun' });
  }

  /** The blobs where the configuration says. Without their bucket the service is not ready. */
  openBlobs(config: { readonly ANIME_BLOBS: 'fs' | 'nats'; readonly ANIME_BLOBS_DIR: string }): BlobStore {
    if (config.ANIME_BLOBS === 'fs') return new FsBlobStore(config.ANIME_BLOBS_DIR);
    const blobs = new NatsBlobStore(this.log, BLOBS_BUCKET);
    this.readiness.add('blobs', async () => {
      await blobs.check(); // a throw is a check that failed, with its message as the reason
      return { ok: true, reason: null };
    });
    return blobs;
  }

  /**
   * How this process is just now.
   * @throws Error before `options` was called: nothing is consumed yet
   */
  async status(): Promise<ServiceStatus> {
    if (this.#reporter === undefined) throw new Error(`${this.name} is not put together yet`);
    return this.#reporter.status();
  }

  /** Ties the table to the log, says over NATS from now on how the service is, and gives what `runService` needs. */
  options({ table, controllers = [], providers = [], onDrain, ...own }: OwnOptions): RunServiceOptions {
    const { name, version, instance, log, logger, metrics, readiness } = this;
    const strategy = new JetStreamStrategy({ log, table, service: name, logger, observer: consumerObserver(metrics) });
    exposeConsumers(metrics, () => strategy.consumers());
    this.#strategy = strategy;
    const reporter = startStatusReporter({
      nats: log,
      service: name,
      instance,
      version,
      readiness: () => readiness.report(),
      consumers: () => strategy.consumers(),
      logger,
    });
    this.#reporter = reporter;
    return {
      name,
      version,
      config: this.#config,
      module: { module: ServiceModule, controllers, providers },
      readiness,
      logger,
      metrics,
      strategy,
      log,
      ...own,
      onDrain: async () => {
        reporter.stop();
        await onDrain?.();
      },
    };
  }
}

/** Nest wants a class as the name of a module. */
class ServiceModule {}
