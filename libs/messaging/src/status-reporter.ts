import { ServiceStatusV1, type ServiceName, type ServiceStatus } from '@anime/contracts';
import { messageOf } from '@anime/problem-details';
import type { ConsumerStatus } from './consumer-table.js';
import { publishLive } from './live-messages.js';
import type { MessagingLogger } from './messaging-logger.js';
import type { NatsSource } from './stream-log.js';

export interface StatusReporterOptions {
  readonly nats: NatsSource;
  readonly service: ServiceName;
  /** UUID of this process. */
  readonly instance: string;
  readonly version: string;
  readonly readiness: () => Promise<{
    readonly ready: boolean;
    readonly checks: readonly ServiceStatus['checks'][number][];
  }>;
  readonly consumers: () => readonly ConsumerStatus[];
  readonly logger: MessagingLogger;
  /** Default 2 s. */
  readonly intervalMs?: number;
}

export interface StatusReporter {
  /** How this process is just now. */
  status(): Promise<ServiceStatus>;
  stop(): void;
}

/** Says over core NATS, every two seconds, how this process is; says nothing while NATS is away. */
export function startStatusReporter(options: StatusReporterOptions): StatusReporter {
  const { nats, service, instance, version, readiness, consumers, logger, intervalMs = 2_000 } = options;
  const startedAt = new Date().toISOString();
  const status = async (): Promise<ServiceStatus> => {
    const { ready, checks } = await readiness();
    const rows = consumers().map(({ name, kind, position, lag, state, reason }) => ({
      name,
      kind,
      position,
      lag,
      state,
      reason,
    }));
    const at = new Date().toISOString();
    return { service, instance, version, startedAt, ready, checks: [...checks], consumers: rows, at };
  };
  let busy = false;
  const report = async (): Promise<void> => {
    if (busy || !nats.state().connected) return;
    busy = true;
    try {
      const current = await status();
      publishLive(await nats.connected(), ServiceStatusV1, { service, instance }, current);
    } catch (error) {
      logger.debug({ reason: messageOf(error) }, 'the status could not be sent');
    } finally {
      busy = false;
    }
  };
  void report();
  const timer = setInterval(() => void report(), intervalMs);
  return { status, stop: () => clearInterval(timer) };
}
