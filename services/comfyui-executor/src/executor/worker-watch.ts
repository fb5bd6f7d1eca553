import type { ComfyClient } from '@anime/comfyui-client';
import { ExecutorDrainedV1, ExecutorRegisteredV1 } from '@anime/contracts';
import { isEvent, lastEventOnSubject, uuidv7, type JetStreamLog } from '@anime/event-store';
import type { Logger } from '@anime/service-runtime';
import type { ServerEntry } from '../attempt/server-entry.js';
import type { QueueLook } from '../domain/attempt/worker.js';
import { registerAnew } from './register-executor.js';

export interface WorkerWatchOptions {
  readonly log: JetStreamLog;
  readonly client: ComfyClient;
  readonly server: ServerEntry;
  readonly executorId: string;
  readonly name: string;
  readonly logger: Logger;
}

/** Since when a server gets no work, as the log says: since this event, and this start of the server. */
interface Since {
  readonly eventId: string;
  readonly boot: number;
}

/**
 * Says that a server's worker has stopped, and registers the executor anew when it works again: also after a GPU fault, once the
 * server was restarted. Then the orchestrator gives it work again.
 */
export class WorkerWatch {
  readonly #options: WorkerWatchOptions;
  #drained: (Since & { readonly isRecorded: boolean }) | null = null;
  #faulted: Since | null = null;
  #isRecalled = false;
  #recording: Promise<void> = Promise.resolve();

  constructor(options: WorkerWatchOptions) {
    this.#options = options;
    const { server, logger, name } = options;
    server.health.onStopped(() => {
      this.#drained = { eventId: uuidv7(), boot: server.memory.boot, isRecorded: false };
      // At once, so that nothing more is assigned; what fails is tried again at the next look.
      this.#recording = this.#record().catch((error: unknown) => {
        logger.warn({ executor: name, err: error }, 'could not be recorded yet: the worker has stopped');
      });
    });
  }

  /** A GPU fault was recorded in this event: until the server is restarted the orchestrator gives it no work. */
  onGpuFault(eventId: string): void {
    this.#faulted = { eventId, boot: this.#options.server.memory.boot };
  }

  /**
   * Takes a look at the queue in, of a server whose executor is registered.
   * @param hasOrphan whether a prompt of ours runs that this process does not follow
   * @throws what the log and the server throw; the next look goes on
   */
  async onLook(look: QueueLook, hasOrphan: boolean): Promise<void> {
    const { server } = this.#options;
    const { health, memory } = server;
    await this.#recall();
    health.onQueue(look, performance.now());
    await this.#recording;
    await this.#record();
    const drained = this.#drained;
    if (drained !== null) {
      const works = health.stopped === null ? !hasOrphan : health.worksAgain(look, memory.boot > drained.boot);
      if (works) await this.#registerAnew(drained.eventId);
    } else if (this.#faulted !== null && memory.boot > this.#faulted.boot) {
      await this.#registerAnew(this.#faulted.eventId);
    }
  }

  /** What an earlier life of the process has recorded. */
  async #recall(): Promise<void> {
    if (this.#isRecalled) return;
    const { log, executorId } = this.#options;
    const last = await lastEventOnSubject(log, [ExecutorRegisteredV1, ExecutorDrainedV1], executorId);
    if (last !== undefined && isEvent(last, ExecutorDrainedV1))
      this.#drained ??= { eventId: last.id, boot: 0, isRecorded: true };
    this.#isRecalled = true;
  }

  async #record(): Promise<void> {
    const { log, server, executorId, name, logger } = this.#options;
    const drained = this.#drained;
    const message = server.health.stopped;
    if (drained === null || drained.isRecorded || message === null) return;
    const { eventId: id } = drained;
    const meta = { id, time: new Date().toISOString(), correlationId: id, actor: 'service:comfyui-executor' };
    const data = { reason: 'worker-stopped' as const, message };
    await log.append({ contract: ExecutorDrainedV1, aggregateId: executorId, data, ...meta });
    this.#drained = { ...drained, isRecorded: true };
    logger.error({ executor: name, executorId }, message);
  }

  async #registerAnew(causeId: string): Promise<void> {
    const { log, client, server, executorId, name, logger } = this.#options;
    await registerAnew(log, client, executorId, name, causeId);
    server.health.recovered();
    this.#drained = null;
    this.#faulted = null;
    logger.info({ executor: name, executorId }, 'registered anew: its server works again');
  }
}
