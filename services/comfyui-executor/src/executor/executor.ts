import type { BlobStore } from '@anime/blob-store';
import { ComfyClient, ComfySocket, type QueuedPrompt } from '@anime/comfyui-client';
import {
  ExecutorHeartbeatV1,
  PreviewV1,
  Uuid,
  type ExecutorHeartbeat,
  type Preview,
  type Progress,
} from '@anime/contracts';
import { executorIdOf, LEASE_TTL_MS, LEASES_BUCKET, type JetStreamLog } from '@anime/event-store';
import { KvLease, publishLive, publishProgress } from '@anime/messaging';
import { isProblem, messageOf } from '@anime/problem-details';
import type { Logger } from '@anime/service-runtime';
import { z } from 'zod';
import { AttemptJournal } from '../attempt/attempt-journal.js';
import type { AttemptObserver } from '../attempt/attempt-run.js';
import { AttemptRunner } from '../attempt/attempt-runner.js';
import { ServerEntry } from '../attempt/server-entry.js';
import { Slots } from '../attempt/slots.js';
import type { ComfyServer } from '../config.js';
import type { GpuMemory } from '../domain/attempt/memory.js';
import { NodeDurations } from '../domain/attempt/node-durations.js';
import type { WorkerLimits } from '../domain/attempt/worker.js';
import { EnvironmentWatch } from '../environment/environment-watch.js';
import type { ModelHashes } from '../environment/model-hashes.js';
import { readEnvironment } from '../environment/read-environment.js';
import { recordEnvironment } from '../environment/record-environment.js';
import { registerExecutor } from './register-executor.js';
import { ServerWatch, type ServerQueue } from './server-watch.js';
import { WorkerWatch } from './worker-watch.js';

export interface ExecutorOptions {
  readonly server: ComfyServer;
  readonly studio: string;
  readonly log: JetStreamLog;
  readonly blobs: BlobStore;
  /** Random id of this process. */
  readonly claim: string;
  readonly logger: Logger;
  readonly observer?: AttemptObserver;
  /** Told the memory of the GPU whenever it is read. */
  readonly onFigures?: (memory: GpuMemory) => void;
  /** When the server's worker counts as stopped; default {@link WORKER_LIMITS}. */
  readonly limits?: Partial<WorkerLimits> | undefined;
  /** Whether viewers get pictures while a job runs. Default false. */
  readonly previews?: boolean;
  /** Of the models folder of this server; without it, no content of a model is known. */
  readonly models?: ModelHashes | undefined;
}

/** One running and one waiting prompt: the server is never idle, and loses little when it restarts. */
const PROMPTS_PER_SERVER = 2;
const HEARTBEAT_MS = 2_000;
/** How often the memory of the GPU is looked at when nothing else asks for it. */
const MEMORY_INTERVAL_MS = 10_000;

/** A node may block for long, e.g. while it loads a model; a worker that is free takes the next prompt in milliseconds. */
export const WORKER_LIMITS: WorkerLimits = {
  silenceMs: 1_200_000,
  unheardMs: 43_200_000,
  cancelMs: 60_000,
  idleMs: 20_000,
  unreadableMs: 60_000,
};

/** Our marks in `extra_data` of a prompt. */
const Tags = z.looseObject({ executorId: Uuid, jobId: Uuid, attempt: z.int().min(1) });

/** One ComfyUI server under our control: its lease, registration, heartbeat and attempts. */
export class Executor {
  readonly id: string;
  readonly name: string;
  readonly journal: AttemptJournal;
  readonly runner: AttemptRunner;
  readonly #options: ExecutorOptions;
  readonly #client: ComfyClient;
  readonly #socket: ComfySocket;
  readonly #server: ServerEntry;
  readonly #worker: WorkerWatch;
  readonly #watch: ServerWatch;
  readonly #environment: EnvironmentWatch;
  readonly #lease: KvLease;
  readonly #leaving = new AbortController();
  #heartbeat: NodeJS.Timeout | undefined;
  #holding: Promise<void> = Promise.resolve();
  #registered = false;
  #fault: string | null = null;
  #memoryAskedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ExecutorOptions) {
    const { server, studio, log, blobs, claim, logger } = options;
    this.#options = options;
    this.name = server.name;
    this.id = executorIdOf(studio, server.name);
    this.journal = new AttemptJournal(log);
    this.#client = new ComfyClient({ baseUrl: server.url });
    // What cuts a connection may be a restart, too short to be seen from look to look.
    const onDropped = (): void => {
      this.#worker.noteAbsence();
      this.#watch.doubt();
    };
    this.#socket = new ComfySocket({ baseUrl: server.url, onDropped });
    this.#lease = new KvLease({
      log,
      bucket: LEASES_BUCKET,
      key: `executor-${this.id}`,
      holder: claim,
      ttlMs: LEASE_TTL_MS,
      logger,
    });
    const client = this.#client;
    const limits = { ...WORKER_LIMITS, ...options.limits };
    this.#server = new ServerEntry({ client, blobs, limits, onFigures: options.onFigures });
    this.#worker = new WorkerWatch({ log, client, server: this.#server, executorId: this.id, name: this.name, logger });
    this.#watch = new ServerWatch({
      client,
      onAnswer: (queue) => this.#onAnswer(queue),
      onAway: () => this.#worker.noteAbsence(),
      onBack: () => this.#server.memory.noteBack(),
      onError: (error) => this.#note(error),
    });
    this.#environment = new EnvironmentWatch({
      read: () => this.#readEnvironment(),
      isInDoubt: () => this.#watch.isInDoubt,
      onError: (error) => this.#note(error),
    });
    this.#server.memory.onRestart((evidence) => {
      logger.info({ executor: this.name, evidence }, 'the server may have been restarted');
      this.#environment.restarted();
    });
    this.runner = new AttemptRunner({
      claim,
      client: this.#client,
      socket: this.#socket,
      journal: this.journal,
      blobs,
      slots: new Slots(PROMPTS_PER_SERVER),
      server: this.#server,
      publish: (progress) => this.#publish(progress),
      observer: options.observer,
      environment: this.#environment,
      durations: new NodeDurations(),
      modelHashes: options.models,
      publishPreview: options.previews === true ? (preview) => this.#publishPreview(preview) : undefined,
      onGpuFault: (promptId, message) => this.#worker.onGpuFault(promptId, message),
      onTurnedAway: () => this.#worker.onTurnedAway(),
    });
  }

  /** True when this process may take orders. Only a hint: what must happen once is guarded in the log. */
  get holds(): boolean {
    return this.#lease.held;
  }

  /** Begins in the background; ComfyUI and NATS need not be there. */
  start(): void {
    this.#watch.start();
    this.#holding = this.#hold(this.#leaving.signal);
    this.#heartbeat = setInterval(() => void this.#beat(), HEARTBEAT_MS);
  }

  /** Leaves the executor to another process, e.g. a newer build. What is in hand goes on. */
  async letGo(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#watch.stop();
    this.#leaving.abort();
    await this.#holding;
  }

  /** Lets go of everything but the prompts on the server: the next life adopts them. */
  async stop(): Promise<void> {
    await this.letGo();
    this.#socket.close();
    await this.#client.close();
  }

  /** For readiness: ok when orders could be carried out now. */
  readonly check = (): { readonly ok: boolean; readonly reason: string | null } => {
    const { reachable, reason } = this.#watch.state;
    if (!reachable) return { ok: false, reason };
    if (!this.holds)
      return { ok: false, reason: `another process holds executor ${this.name}, or NATS cannot say who does` };
    const { stopped } = this.#server.health;
    if (stopped !== null) return { ok: false, reason: stopped };
    return { ok: this.#registered, reason: this.registration };
  };

  /** Why the log does not know this executor yet; null when it does. */
  get registration(): string | null {
    if (this.#registered) return null;
    return this.#fault ?? `executor ${this.name} is registered when its ComfyUI has answered for the first time`;
  }

  async #hold(signal: AbortSignal): Promise<void> {
    let lost = Promise.withResolvers<void>();
    this.#lease.onLost(() => lost.resolve());
    signal.addEventListener('abort', () => lost.resolve(), { once: true });
    while (!signal.aborted) {
      lost = Promise.withResolvers<void>();
      if (!(await this.#lease.acquire(signal)) || signal.aborted) break;
      this.#options.logger.info({ executor: this.name, executorId: this.id }, 'holds the executor');
      this.#watch.lookNow();
      void this.#beat();
      await lost.promise;
    }
    await this.#lease.release();
  }

  async #onAnswer({ running, pending }: ServerQueue): Promise<void> {
    if (!this.holds) return;
    if (!this.#registered) await this.#register();
    this.#environment.answered();
    const ids = (prompts: readonly QueuedPrompt[]): string[] => prompts.map(({ promptId }) => promptId);
    await this.#worker.onLook({ running: ids(running), pending: ids(pending) });
    await this.#sweep([...running, ...pending]);
    await this.#lookAtMemory();
  }

  async #lookAtMemory(): Promise<void> {
    const nowMs = performance.now();
    if (this.#options.onFigures === undefined || nowMs - this.#memoryAskedMs < MEMORY_INTERVAL_MS) return;
    this.#memoryAskedMs = nowMs;
    await this.#server.room.look();
  }

  /** Our marks of a prompt of this executor; undefined for those of others. */
  #tagsOf(extraData: QueuedPrompt['extraData']): z.infer<typeof Tags> | undefined {
    const tags = Tags.safeParse(extraData['anime']).data;
    return tags?.executorId === this.id ? tags : undefined;
  }

  async #register(): Promise<void> {
    const { log, logger } = this.#options;
    try {
      const now = await registerExecutor(log, this.#client, this.id, this.name);
      this.#registered = true;
      this.#fault = null;
      logger.info({ executor: this.name, executorId: this.id, now }, 'registered');
    } catch (error) {
      this.#fault = messageOf(error);
      throw error;
    }
  }

  /** Reads what runs on the server, and has it in the log before an attempt names it. @returns the environment's name */
  async #readEnvironment(): Promise<string> {
    const { log, blobs, logger } = this.#options;
    const found = await readEnvironment(this.#client, blobs);
    const { environment, comfyuiVersion } = found;
    const changed = await recordEnvironment(log, this.id, found);
    if (changed) logger.info({ executor: this.name, environment, comfyuiVersion }, 'the environment is another one');
    return environment;
  }

  /**
   * Stops prompts of ours that nobody wants any more: a POST whose answer never came may arrive after its attempt was
   * given up, or after a cancel (architecture §6, "cancelled on sight").
   */
  async #sweep(queued: readonly QueuedPrompt[]): Promise<void> {
    for (const { promptId, extraData } of queued) {
      const tags = this.#tagsOf(extraData);
      if (tags === undefined || this.runner.isRunning(promptId)) continue;
      if (!(await this.journal.isAbandoned(tags.jobId, tags.attempt, this.id))) continue;
      this.#options.logger.warn(
        { promptId, jobId: tags.jobId, attempt: tags.attempt },
        'stops a late prompt of an attempt that has ended',
      );
      await this.#client.cancel(promptId);
    }
  }

  async #beat(): Promise<void> {
    const { log } = this.#options;
    if (!this.holds || !log.state().connected) return;
    const { reachable, reason, queue } = this.#watch.state;
    const { id: executorId, name } = this;
    const heartbeat: ExecutorHeartbeat = {
      executorId,
      name,
      reachable,
      reason: reason ?? this.#server.health.stopped,
      jobId: this.runner.currentJobId,
      queue,
      at: new Date().toISOString(),
    };
    try {
      publishLive(await log.connected(), ExecutorHeartbeatV1, { executorId }, heartbeat);
    } catch (error) {
      this.#note(error);
    }
  }

  #publish(progress: Progress): void {
    const { log } = this.#options;
    // What cannot be sent now is out of date when it can.
    if (!log.state().connected) return;
    log
      .connected()
      .then((nc) => publishProgress(nc, progress))
      .catch((error: unknown) => this.#note(error));
  }

  #publishPreview(preview: Preview): void {
    const { log } = this.#options;
    if (!log.state().connected) return;
    log
      .connected()
      .then((nc) => publishLive(nc, PreviewV1, { jobId: preview.jobId }, preview))
      .catch((error: unknown) => this.#note(error));
  }

  /** What the background does is tried again by itself; it only must not pass unseen. */
  #note(error: unknown): void {
    const { logger } = this.#options;
    const expected = isProblem(error, 'log-unavailable') || isProblem(error, 'comfyui-unavailable');
    logger[expected ? 'debug' : 'warn']({ executor: this.name, err: error }, 'could not be done yet');
  }
}
