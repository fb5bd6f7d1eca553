import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@anime/blob-store';
import { UnexpectedAnswerError, type ComfyClient } from '@anime/comfyui-client';
import type { ApiGraph, InputFile } from '@anime/contracts';
import { isProblem } from '@anime/problem-details';
import { workerStopped, type Decline } from '../domain/attempt/decline.js';
import { failure, responseEvidence, type Failure } from '../domain/attempt/failure.js';
import type { GpuMemory } from '../domain/attempt/memory.js';
import { modelsLoaded, modelUses } from '../domain/attempt/needs.js';
import type { WorkerLimits } from '../domain/attempt/worker.js';
import { GpuRoom } from './gpu-room.js';
import { InputUploads } from './input-uploads.js';
import { NodeCatalogue } from './node-catalogue.js';
import { ServerMemory } from './server-memory.js';
import { Slots } from './slots.js';
import { WorkerHealth } from './worker-health.js';

const AWAY_PAUSE_MS = 1_000;
/** So long answers that nobody expects may be those of a server that is being started. */
const ODD_PATIENCE_MS = 60_000;

export interface ServerEntryOptions {
  readonly client: ComfyClient;
  readonly blobs: BlobStore;
  readonly limits: WorkerLimits;
  /** Told the memory of the GPU whenever it is read. */
  readonly onFigures?: ((memory: GpuMemory) => void) | undefined;
  /** How long to wait for memory that the server was asked to free, in ms. */
  readonly freePatienceMs?: number | undefined;
  /** How long answers are borne that are not what their route promises, in ms. */
  readonly oddPatienceMs?: number | undefined;
}

/** What one attempt needs of a server before it is sent there. */
export interface Needs {
  readonly graph: ApiGraph;
  readonly inputs: readonly InputFile[];
  /** Memory of the GPU; 0 when nobody knows. */
  readonly bytes: number;
  readonly freeMemory: boolean;
}

/**
 * The door of one server. Attempts pass it one at a time, so that each finds out whether the server can run it while nobody
 * else changes what is there.
 */
export class ServerEntry {
  readonly memory: ServerMemory;
  readonly health: WorkerHealth;
  readonly room: GpuRoom;
  readonly catalogue: NodeCatalogue;
  readonly #uploads: InputUploads;
  readonly #client: ComfyClient;
  readonly #oddPatienceMs: number;
  readonly #turn = new Slots(1);
  readonly #present = new Set<string>();
  readonly #leaving = new Set<() => void>();

  constructor({ client, blobs, limits, onFigures, freePatienceMs, oddPatienceMs }: ServerEntryOptions) {
    this.#client = client;
    this.#oddPatienceMs = oddPatienceMs ?? ODD_PATIENCE_MS;
    this.memory = new ServerMemory(client);
    this.health = new WorkerHealth(limits, (promptId) => this.#present.has(promptId));
    this.room = new GpuRoom({ client, onFigures, patienceMs: freePatienceMs });
    this.catalogue = new NodeCatalogue(client, this.memory);
    this.#uploads = new InputUploads(client, blobs, this.memory);
  }

  /** Waits for one's turn at the door. @returns how to let the next one in; undefined when `signal` aborted first */
  turn(signal: AbortSignal): Promise<(() => void) | undefined> {
    return this.#turn.take(signal);
  }

  /**
   * Makes the server ready for an attempt; waits while it is away. One that answers, but again and again not what it should, is
   * not waited for: the job would hang without a reason.
   * @returns why it cannot run it; undefined when it can, or when `signal` aborted
   * @throws ProblemError `storage-failed` of the blob store
   */
  async prepare(needs: Needs, signal: AbortSignal): Promise<Decline | Failure | undefined> {
    let oddSinceMs: number | undefined;
    while (!signal.aborted) {
      const { stopped } = this.health;
      if (stopped !== null) return workerStopped(stopped);
      try {
        return await this.#obstacle(needs, signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        if (!isProblem(error, 'comfyui-unavailable')) throw error;
        const nowMs = performance.now();
        oddSinceMs = error instanceof UnexpectedAnswerError ? (oddSinceMs ?? nowMs) : undefined;
        if (error instanceof UnexpectedAnswerError && nowMs - (oddSinceMs ?? nowMs) >= this.#oddPatienceMs) {
          if (await this.#isThere()) return unexpectedAnswer(error);
        }
        await delay(AWAY_PAUSE_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    return undefined;
  }

  /** The models that a graph names, as far as the classes of its nodes are known. */
  modelsOf(graph: ApiGraph): readonly string[] {
    return [...modelUses(graph, this.catalogue.known).keys()];
  }

  /** Of these, the ones that a run loaded which was answered from the cache for these nodes. */
  modelsLoaded(graph: ApiGraph, cached: readonly string[]): ReadonlySet<string> {
    return modelsLoaded(graph, this.catalogue.known, new Set(cached));
  }

  /** A prompt of ours is on the server from now on. @returns what to call when it no longer is */
  enter(promptId: string, graph: ApiGraph): () => void {
    this.#present.add(promptId);
    this.room.noteRun(this.modelsOf(graph));
    return () => {
      this.#present.delete(promptId);
      if (this.#present.size === 0) for (const left of this.#leaving) left();
    };
  }

  /** The server has refused a graph that it should have been able to run, or not found its input: what was known of it is asked for again. */
  refused(): void {
    this.catalogue.forget();
    this.#uploads.forget();
  }

  async #obstacle(needs: Needs, signal: AbortSignal): Promise<Decline | Failure | undefined> {
    const { graph, inputs, bytes, freeMemory } = needs;
    const missing = await this.catalogue.missingIn(graph);
    if (missing !== undefined) return missing;
    const need = { bytes, freeMemory, models: this.modelsOf(graph) };
    const noRoom = await this.room.make(need, () => this.#untilIdle(signal), signal);
    if (noRoom !== undefined || signal.aborted) return noRoom;
    return this.#uploads.ensure(inputs, signal);
  }

  /** Whether it answers elsewhere what it should. */
  async #isThere(): Promise<boolean> {
    return this.#client.queue().then(
      () => true,
      () => false,
    );
  }

  /** Waits until no prompt of ours is on the server. @returns false when that was cut short */
  async #untilIdle(signal: AbortSignal): Promise<boolean> {
    if (this.#present.size > 0) {
      await new Promise<void>((resolve) => {
        const finish = (): void => {
          signal.removeEventListener('abort', finish);
          this.#leaving.delete(finish);
          resolve();
        };
        this.#leaving.add(finish);
        signal.addEventListener('abort', finish, { once: true });
      });
    }
    return !signal.aborted;
  }
}

function unexpectedAnswer({ message, answerStatus, answerBody }: UnexpectedAnswerError): Failure {
  const evidence = { httpStatus: answerStatus, response: responseEvidence(answerBody) };
  return failure('transient', 'unexpected-answer', message, evidence);
}
