import type { AddressInfo } from 'node:net';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import type { DynamicModule } from '@nestjs/common';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Registry } from 'prom-client';
import type { LogLevel } from './config.js';
import { closeHttpServer, createHttpServer } from './http-server.js';
import { createLogger, type Logger } from './logger.js';
import { createMetrics } from './metrics.js';
import { nestLogger } from './nest-logger.js';
import { ProblemFilter } from './problem-filter.js';
import type { Readiness } from './readiness.js';
import { stopTelemetry } from './telemetry.js';

/** Each step of a drain may take this long; then the next one begins. */
const DRAIN_STEP_MS = 10_000;
const HTTP_GRACE_MS = 5_000;
const DEFAULT_BODY_LIMIT = 1_048_576;

export interface RunServiceOptions {
  readonly name: string;
  readonly version: string;
  readonly config: { readonly HOST: string; readonly PORT: number; readonly LOG_LEVEL: LogLevel };
  /** The service's composition root. */
  readonly module: DynamicModule;
  readonly readiness: Readiness;
  readonly logger?: Logger;
  readonly metrics?: Registry;
  /** The transport that runs the consumer table. Its `listen` must return at once, its `close` stops the consumers. */
  readonly strategy?: CustomTransportStrategy;
  /** Closed after the consumers have stopped and `onDrain` has ended. */
  readonly log?: { close(): Promise<void> };
  /** Called at once when it is to stop, before anything is waited for: end what would keep requests or sockets open. */
  readonly onStopping?: () => void;
  /** Called once the service has stopped accepting requests and events; release resources here. */
  readonly onDrain?: () => Promise<void> | void;
  /** Largest request body in bytes; default 1 MiB. */
  readonly bodyLimit?: number;
  /** Last touches before it listens, e.g. the documentation page or a websocket server. */
  readonly configure?: (app: NestFastifyApplication) => Promise<void> | void;
}

export interface RunningService {
  /** The one it listens on, also when PORT is 0. */
  readonly port: number;
  readonly url: string;
  readonly app: NestFastifyApplication;
  /** Drains and closes without ending the process; safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Builds the Nest application on Fastify and runs it until SIGTERM or SIGINT, then drains: not ready, no new requests,
 * consumers stopped, `onDrain`, log closed, exit 0. A second signal ends the process at once. Writes one JSON line to standard output when it listens.
 *
 * @throws when the port is taken or the module cannot be built; NATS and PostgreSQL need not be there
 */
export async function runService(options: RunServiceOptions): Promise<RunningService> {
  const { name, version, config, readiness } = options;
  const logger = options.logger ?? createLogger(name, { level: config.LOG_LEVEL });
  const { adapter, routes } = createHttpServer({
    name,
    version,
    readiness,
    metrics: options.metrics ?? createMetrics(name),
    bodyLimit: options.bodyLimit ?? DEFAULT_BODY_LIMIT,
  });
  const root: DynamicModule = {
    module: ServiceRoot,
    imports: [options.module],
    providers: [{ provide: APP_FILTER, useValue: new ProblemFilter(logger, routes) }],
  };
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    logger: nestLogger(logger),
    bodyParser: false, // Fastify's own JSON parser; Nest would also take forms
    abortOnError: false,
  });
  if (options.strategy !== undefined)
    app.connectMicroservice({ strategy: options.strategy }, { inheritAppConfig: true });
  await options.configure?.(app);
  await app.listen(config.PORT, config.HOST);
  await app.startAllMicroservices();

  const { port } = app.getHttpServer().address() as AddressInfo;
  const url = `http://${addressToCall(config.HOST)}:${port}`;
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= drain(options, app, logger));
  const unsubscribe = onSignals(async (signal) => {
    logger.info({ signal }, 'stopping');
    await stop();
    await stopTelemetry();
    logger.info('stopped');
    process.exit(0);
  });
  logger.info({ url, version }, 'listening');
  process.stdout.write(`${JSON.stringify({ ready: true, service: name, version, port, url, pid: process.pid })}\n`);
  return { port, url, app, stop: () => stop().finally(unsubscribe) };
}

/** Nest wants a class as the name of a module. */
class ServiceRoot {}

async function drain(options: RunServiceOptions, app: NestFastifyApplication, logger: Logger): Promise<void> {
  const step = async (what: string, action: () => unknown): Promise<void> => {
    const { promise: late, resolve } = Promise.withResolvers<'late'>();
    const timer = setTimeout(() => resolve('late'), DRAIN_STEP_MS);
    try {
      if ((await Promise.race([Promise.resolve().then(action), late])) === 'late')
        logger.warn(`${what} did not end within ${DRAIN_STEP_MS} ms`);
    } catch (error) {
      logger.error({ err: error }, `${what} failed`);
    } finally {
      clearTimeout(timer);
    }
  };
  options.readiness.drain();
  await step('stopping', () => options.onStopping?.());
  await Promise.all([
    step('closing the HTTP server', () => closeHttpServer(app.getHttpServer(), HTTP_GRACE_MS)),
    step('stopping the consumers', async () => options.strategy?.close()),
  ]);
  await step('releasing resources', async () => options.onDrain?.());
  await step('closing the application', () => app.close());
  await step('closing the log', async () => options.log?.close());
}

/** The first signal calls `stop`, the second ends the process as the signal alone would have. @returns how to stop listening */
function onSignals(stop: (signal: NodeJS.Signals) => Promise<void>): () => void {
  let seen = false;
  const handle = (signal: NodeJS.Signals, number: number): void => {
    if (seen) process.exit(128 + number);
    seen = true;
    void stop(signal);
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
  return () => {
    process.off('SIGTERM', handle);
    process.off('SIGINT', handle);
  };
}

function addressToCall(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
