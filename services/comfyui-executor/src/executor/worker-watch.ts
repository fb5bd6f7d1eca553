import type { ComfyClient } from '@anime/comfyui-client';
import { ExecutorDrainedV1, ExecutorRegisteredV1, type EventData } from '@anime/contracts';
import { deriveId, isEvent, lastEventOnSubject, uuidv7, type JetStreamLog } from '@anime/event-store';
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

/** Why a server gets no work, as the log says, and since which start of it. */
interface Drained {
  readonly eventId: string;
  readonly reason: EventData<typeof ExecutorDrainedV1>['reason'];
  readonly promptId: string | null;
  readonly boot: number;
  readonly isRecorded: boolean;
}

/**
 * Says that a server's worker has stopped or its GPU has a fault, and registers the executor anew when it works again. Then the
 * orchestrator gives it work again.
 */
export class WorkerWatch {
  readonly #options: WorkerWatchOptions;
  #drained: Drained | null = null;
  #isRecalled = false;
  #recording: Promise<void> = Promise.resolve();

  constructor(options: WorkerWatchOptions) {
    this.#options = options;
    const { server, logger, name } = options;
    server.health.onStopped(({ promptId }) => {
      const boot = server.memory.boot;
      this.#drained = { eventId: uuidv7(), reason: 'worker-stopped', promptId, boot, isRecorded: false };
      // At once, so that nothing more is assigned; what fails is tried again at the next look.
      this.#recording = this.#record().catch((error: unknown) => {
        logger.warn({ executor: name, err: error }, 'could not be recorded yet: the worker has stopped');
      });
    });
  }

  /**
   * A prompt has met a GPU fault. To be called before its attempt fails: whatever kills the process in between, nothing more is
   * assigned here, and its next life knows what to wait for.
   * @throws ProblemError `log-unavailable`: nothing is recorded
   */
  async onGpuFault(promptId: string, message: string): Promise<void> {
    const { server } = this.#options;
    const eventId = deriveId(promptId, 'drained');
    const cure = 'Its CUDA context stays broken until ComfyUI is started again.';
    await this.#append(eventId, { reason: 'gpu-fault', message: `${message}. ${cure}`, promptId });
    // A worker that has stopped as well says more by its queue.
    if (server.health.stopped !== null) return;
    this.#drained = { eventId, reason: 'gpu-fault', promptId, boot: server.memory.boot, isRecorded: true };
  }

  /**
   * Takes a look at the queue in, of a server whose executor is registered.
   * @param hasOrphan whether a prompt of ours runs that this process does not follow
   * @throws what the log and the server throw; the next look goes on
   */
  async onLook(look: QueueLook, hasOrphan: boolean): Promise<void> {
    const { server } = this.#options;
    await this.#recall();
    server.health.onQueue(look, performance.now());
    await this.#recording;
    await this.#record();
    const drained = this.#drained;
    if (drained !== null && (await this.#worksAgain(drained, look, hasOrphan)))
      await this.#registerAnew(drained.eventId);
  }

  async #worksAgain({ reason, promptId, boot }: Drained, look: QueueLook, hasOrphan: boolean): Promise<boolean> {
    const { client, server } = this.#options;
    const { health, memory } = server;
    if (health.stopped !== null) return health.worksAgain(look, memory.boot > boot);
    if (reason === 'worker-stopped' || promptId === null) return !hasOrphan;
    // The CUDA context is as broken as it was until the server was restarted, which makes it forget the prompt.
    return (await client.look(promptId)).state === 'absent';
  }

  /** What an earlier life of the process has recorded. */
  async #recall(): Promise<void> {
    if (this.#isRecalled) return;
    const { log, executorId } = this.#options;
    const last = await lastEventOnSubject(log, [ExecutorRegisteredV1, ExecutorDrainedV1], executorId);
    if (last !== undefined && isEvent(last, ExecutorDrainedV1)) {
      const { reason, promptId } = last.data;
      this.#drained ??= { eventId: last.id, reason, promptId, boot: 0, isRecorded: true };
    }
    this.#isRecalled = true;
  }

  async #record(): Promise<void> {
    const { server, executorId, name, logger } = this.#options;
    const drained = this.#drained;
    const message = server.health.stopped;
    if (drained === null || drained.isRecorded || message === null) return;
    const { eventId, reason, promptId } = drained;
    await this.#append(eventId, { reason, message, promptId });
    this.#drained = { ...drained, isRecorded: true };
    logger.error({ executor: name, executorId }, message);
  }

  async #append(id: string, data: EventData<typeof ExecutorDrainedV1>): Promise<void> {
    const { log, executorId } = this.#options;
    const meta = { id, time: new Date().toISOString(), correlationId: id, actor: 'service:comfyui-executor' };
    await log.append({ contract: ExecutorDrainedV1, aggregateId: executorId, data, ...meta });
  }

  async #registerAnew(causeId: string): Promise<void> {
    const { log, client, server, executorId, name, logger } = this.#options;
    await registerAnew(log, client, executorId, name, causeId);
    server.health.recovered();
    this.#drained = null;
    logger.info({ executor: name, executorId }, 'registered anew: its server works again');
  }
}
