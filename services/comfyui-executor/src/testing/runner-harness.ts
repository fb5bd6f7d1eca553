import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FsBlobStore } from '@anime/blob-store';
import { ComfyClient, ComfySocket } from '@anime/comfyui-client';
import { startSimulator, type Simulator, type SimulatorOptions } from '@anime/comfyui-simulator';
import type { Progress } from '@anime/contracts';
import { executorIdOf, openLog, provision, type EventLog } from '@anime/event-store';
import type { Outcome } from '@anime/messaging';
import { eventually, GARBAGE_HEADERS, publishRaw } from '@anime/testing';
import type { ModelHashes } from '../environment/model-hashes.js';
import { AttemptJournal, type Order } from '../attempt/attempt-journal.js';
import { AttemptRunner } from '../attempt/attempt-runner.js';
import { ServerEntry } from '../attempt/server-entry.js';
import { Slots } from '../attempt/slots.js';
import type { GpuMemory } from '../domain/attempt/memory.js';
import type { WorkerLimits } from '../domain/attempt/worker.js';
import { WORKER_LIMITS } from '../executor/executor.js';
import { openComfyGate, type ComfyGate, type Gatekeeper } from './comfy-gate.js';
import { JobLog } from './job-log.js';

export interface LifeOptions {
  /** How long it waits for an answer of the server. */
  readonly timeoutMs?: number;
  readonly limits?: Partial<WorkerLimits>;
  readonly freePatienceMs?: number;
  readonly oddPatienceMs?: number;
  /** Told the memory of the GPU whenever it is read. */
  readonly onFigures?: (memory: GpuMemory) => void;
  readonly modelHashes?: Pick<ModelHashes, 'note' | 'ofRun' | 'forget'>;
}

/** One life of an executor's process, as far as its attempts go. */
export class RunnerLife implements AsyncDisposable {
  readonly claim = randomUUID();
  readonly runner: AttemptRunner;
  readonly socket: ComfySocket;
  readonly server: ServerEntry;
  readonly progress: Progress[] = [];
  readonly #client: ComfyClient;
  readonly #drain = new AbortController();

  constructor(log: EventLog, blobs: FsBlobStore, url: string, options: LifeOptions = {}) {
    const { timeoutMs = 2_000, limits, freePatienceMs, oddPatienceMs, onFigures, modelHashes } = options;
    const client = new ComfyClient({ baseUrl: url, timeoutMs });
    this.#client = client;
    this.server = new ServerEntry({
      client,
      blobs,
      limits: { ...WORKER_LIMITS, ...limits },
      freePatienceMs,
      oddPatienceMs,
      onFigures,
    });
    this.socket = new ComfySocket({ baseUrl: url, reconnectMs: 20 });
    this.runner = new AttemptRunner({
      claim: this.claim,
      client,
      socket: this.socket,
      journal: new AttemptJournal(log),
      blobs,
      slots: new Slots(2),
      server: this.server,
      modelHashes,
      publish: (message) => this.progress.push(message),
    });
  }

  run(order: Order): Promise<Outcome> {
    return this.runner.onOrder(order, { signal: this.#drain.signal });
  }

  /** Ends as SIGTERM does: prompts on the server are left alone. */
  drain(): void {
    this.#drain.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drain();
    this.socket.close();
    await this.#client.close();
  }
}

export interface RunnerHarness extends AsyncDisposable {
  readonly log: ReturnType<typeof openLog>;
  readonly jobs: JobLog;
  readonly blobs: FsBlobStore;
  readonly dir: string;
  simulator(options?: Partial<SimulatorOptions>): Promise<Simulator>;
  /** An address before a server where a test can come between. */
  gate(serverUrl: string, keeper: Gatekeeper): Promise<ComfyGate>;
  life(url: string, options?: LifeOptions): RunnerLife;
  /** Puts messages that are no events on a subject below the root; returns when they are stored. */
  putGarbage(subject: string): Promise<void>;
}

/** A provisioned log, blobs in a folder of their own, and simulators and executor lives that end with it. */
export async function runnerHarness(natsUrl: string): Promise<RunnerHarness> {
  const dir = await mkdtemp(path.join(tmpdir(), 'anime-executor-'));
  await provision({ natsUrl, durables: [] });
  const log = openLog({ natsUrl, name: 'executor-test' });
  const blobs = new FsBlobStore(path.join(dir, 'blobs'));
  const open: AsyncDisposable[] = [];
  return {
    log,
    jobs: new JobLog(log, executorIdOf('studio', `test-${randomUUID()}`)),
    blobs,
    dir,
    simulator: async (options = {}) => {
      const simulator = await startSimulator({ dataDir: path.join(dir, 'comfyui'), stepDelayMs: 5, ...options });
      open.push(simulator);
      return simulator;
    },
    gate: async (serverUrl, keeper) => {
      const gate = await openComfyGate(serverUrl, keeper);
      open.push(gate);
      return gate;
    },
    life: (url, options) => {
      const life = new RunnerLife(log, blobs, url, options);
      open.push(life);
      return life;
    },
    putGarbage: async (subject) => {
      const blocks = Object.values(GARBAGE_HEADERS);
      const before = await log.end();
      for (const headerBlock of blocks)
        await publishRaw(Number(new URL(natsUrl).port), { subject: `${log.root}.${subject}`, headerBlock });
      await eventually(async () => (await log.end()) >= before + blocks.length, { what: 'the garbage is stored' });
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(open.toReversed().map((thing) => thing[Symbol.asyncDispose]()));
      await log.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
