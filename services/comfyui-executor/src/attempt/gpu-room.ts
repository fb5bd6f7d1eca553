import { setTimeout as delay } from 'node:timers/promises';
import { UnexpectedAnswerError, type ComfyClient } from '@anime/comfyui-client';
import type { Decline } from '../domain/attempt/decline.js';
import { gpuMemory, hasFreed, hasRoom, noMemory, tooLittleMemory, type GpuMemory } from '../domain/attempt/memory.js';

/** As long as a server may take to unload what it holds. */
const FREE_PATIENCE_MS = 15_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

export interface GpuRoomOptions {
  readonly client: ComfyClient;
  /** Told the figures whenever they are read. */
  readonly onFigures?: ((memory: GpuMemory) => void) | undefined;
  /** How long to wait for memory that the server was asked to free, in ms. */
  readonly patienceMs?: number | undefined;
}

/** What a job asks of the GPU. */
export interface Need {
  /** 0 when nobody knows. */
  readonly bytes: number;
  /** Models of other jobs are unloaded first. */
  readonly freeMemory: boolean;
  readonly models: readonly string[];
}

/** The memory of one server's GPU: what is free, and how to make more of it so. */
export class GpuRoom {
  readonly #options: GpuRoomOptions;
  #lastModels: readonly string[] | null = null;

  constructor(options: GpuRoomOptions) {
    this.#options = options;
  }

  /** What the GPU has now; undefined for a CPU, or where the server does not tell. @throws `comfyui-unavailable` */
  async look(): Promise<GpuMemory | undefined> {
    try {
      const memory = gpuMemory((await this.#options.client.systemStats()).devices);
      if (memory !== undefined) this.#options.onFigures?.(memory);
      return memory;
    } catch (error) {
      // A server that answers, but not this.
      if (error instanceof UnexpectedAnswerError) return undefined;
      throw error;
    }
  }

  /** A prompt with these models was sent: they are what is loaded next. */
  noteRun(models: readonly string[]): void {
    this.#lastModels = models;
  }

  /**
   * Sees to it that a job has the memory that it needs.
   * @param untilIdle waits until no prompt of ours is on the server; false when that was cut short
   * @returns why the server cannot take the job; undefined when it can, or when `signal` aborted
   * @throws ProblemError `comfyui-unavailable`
   */
  async make(
    { bytes, freeMemory, models }: Need,
    untilIdle: () => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<Decline | undefined> {
    if (bytes === 0 && !freeMemory) return undefined;
    const memory = await this.look();
    if (memory !== undefined) {
      const tooLittle = tooLittleMemory(memory, bytes);
      if (tooLittle !== undefined) return tooLittle;
      if (!freeMemory && hasRoom(memory, bytes, this.#isLoaded(models))) return undefined;
    } else if (!freeMemory) return undefined;
    if (!(await untilIdle())) return undefined;
    const before = await this.look();
    // Those that ran may have given back what they held.
    if (before !== undefined && !freeMemory && hasRoom(before, bytes, this.#isLoaded(models))) return undefined;
    const isAsked = await this.#free();
    if (before === undefined) return undefined;
    const after = isAsked ? await this.#untilFreed(before, bytes, signal) : before;
    return signal.aborted || after.free >= bytes ? undefined : noMemory(after, bytes);
  }

  /** @returns false when the server answers, but does not do that */
  async #free(): Promise<boolean> {
    try {
      await this.#options.client.free({ unloadModels: true, freeMemory: true });
    } catch (error) {
      if (error instanceof UnexpectedAnswerError && !error.isGateways) return false;
      throw error;
    }
    this.#lastModels = null;
    return true;
  }

  #isLoaded(models: readonly string[]): boolean {
    const loaded = this.#lastModels;
    return loaded !== null && models.length > 0 && models.every((name) => loaded.includes(name));
  }

  async #untilFreed(before: GpuMemory, bytes: number, signal: AbortSignal): Promise<GpuMemory> {
    const deadline = performance.now() + (this.#options.patienceMs ?? FREE_PATIENCE_MS);
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const now = (await this.look()) ?? before;
      if (hasFreed(before, now, bytes) || performance.now() >= deadline || signal.aborted) return now;
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
