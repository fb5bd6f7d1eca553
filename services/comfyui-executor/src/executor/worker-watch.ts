import type { ComfyClient } from '@anime/comfyui-client';
import {
  ExecutorDrainedV1,
  ExecutorPausedV1,
  ExecutorRegisteredV1,
  ExecutorResumedV1,
  type EventData,
} from '@anime/contracts';
import { deriveId, isEvent, lastEventOnSubject, uuidv7, type JetStreamLog } from '@anime/event-store';
import type { Logger } from '@anime/service-runtime';
import type { ServerEntry } from '../attempt/server-entry.js';
import { runsAgain, type QueueLook } from '../domain/attempt/worker.js';
import { registerAnew } from './register-executor.js';

export interface WorkerWatchOptions {
  readonly log: JetStreamLog;
  readonly client: ComfyClient;
  readonly server: ServerEntry;
  readonly executorId: string;
  readonly name: string;
  readonly logger: Logger;
}

/** Why a server gets no work, as the log says. */
interface Drained {
  readonly eventId: string;
  readonly reason: EventData<typeof ExecutorDrainedV1>['reason'];
  readonly promptId: string | null;
  /**
   * How often the server had been away when it was last seen to be this process: another one can only be there after one more
   * time. Null when nobody watched, as for what an earlier life of the executor recorded: then a prompt that is forgotten, or a
   * queue that is empty, is all that there is to go by.
   */
  readonly absences: number | null;
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
  #absences = 0;
  #recording: Promise<void> = Promise.resolve();

  constructor(options: WorkerWatchOptions) {
    this.#options = options;
    const { server, logger, name } = options;
    server.health.onStopped(({ promptId }) => {
      // An earlier life may have said so.
      const said =
        this.#drained?.reason === 'worker-stopped' ? this.#drained : { eventId: uuidv7(), isRecorded: false };
      this.#drained = { ...said, reason: 'worker-stopped', promptId, absences: this.#absences };
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
    this.#drained = { eventId, reason: 'gpu-fault', promptId, absences: null, isRecorded: true };
    // From here on, unless it has been restarted already; when it does not answer, the next look tells.
    await this.#isForgotten(this.#drained).catch(() => undefined);
  }

  /** The connection to the server was cut, or it did not answer: what answers next may be another process. */
  noteAbsence(): void {
    this.#absences += 1;
  }

  /**
   * An order is about to be handed back because the worker has stopped. Where somebody has resumed the executor since that was
   * said, it is said again, once for each time: else the orchestrator would assign, and we decline, for ever.
   * @throws ProblemError `log-unavailable`, `newer-contract`: nothing is recorded
   */
  async onTurnedAway(): Promise<void> {
    const { log, server, executorId } = this.#options;
    await this.#recording;
    const drained = this.#drained;
    const message = server.health.stopped;
    if (drained?.isRecorded !== true || message === null) return;
    const [ours, theirs] = await Promise.all([
      lastEventOnSubject(log, [ExecutorDrainedV1, ExecutorRegisteredV1], executorId),
      lastEventOnSubject(log, [ExecutorResumedV1, ExecutorPausedV1], executorId),
    ]);
    if (theirs === undefined || !isEvent(theirs, ExecutorResumedV1) || theirs.position < (ours?.position ?? 0)) return;
    const eventId = deriveId(theirs.id, 'drained');
    await this.#append(eventId, { reason: drained.reason, message, promptId: drained.promptId });
    if (this.#drained === drained) this.#drained = { ...drained, eventId };
  }

  /**
   * Takes a look at the queue in, of a server whose executor is registered.
   * @throws what the log and the server throw; the next look goes on
   */
  async onLook(look: QueueLook): Promise<void> {
    const { server } = this.#options;
    await this.#recall();
    server.health.onQueue(look, performance.now());
    await this.#recording;
    await this.#record();
    const drained = this.#drained;
    if (drained !== null && (await this.#worksAgain(drained, look))) await this.#registerAnew(drained.eventId);
  }

  async #worksAgain(drained: Drained, look: QueueLook): Promise<boolean> {
    const { reason, promptId, absences } = drained;
    const mayBeAnother = absences === null || this.#absences > absences;
    if (reason === 'worker-stopped') return runsAgain(look, promptId, mayBeAnother);
    // The CUDA context is as broken as it was until the server was started again, which makes it forget the prompt. So does
    // clearing the history, but that cuts no connection.
    return (await this.#isForgotten(drained)) && mayBeAnother;
  }

  /** Whether the server knows the prompt no more. As long as it does, it is the process that met it, and is watched from then on. */
  async #isForgotten(drained: Drained): Promise<boolean> {
    if (drained.promptId === null) return true;
    const absences = this.#absences;
    if ((await this.#options.client.look(drained.promptId)).state === 'absent') return true;
    if (this.#drained === drained && drained.absences === null) this.#drained = { ...drained, absences };
    return false;
  }

  /** What an earlier life of the process has recorded. */
  async #recall(): Promise<void> {
    if (this.#isRecalled) return;
    const { log, executorId } = this.#options;
    const last = await lastEventOnSubject(log, [ExecutorRegisteredV1, ExecutorDrainedV1], executorId);
    if (last !== undefined && isEvent(last, ExecutorDrainedV1)) {
      const { reason, promptId } = last.data;
      this.#drained ??= { eventId: last.id, reason, promptId, absences: null, isRecorded: true };
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
