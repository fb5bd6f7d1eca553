import path from 'node:path';
import { startSimulator, type Simulator, type SimulatorOptions } from '@anime/comfyui-simulator';
import {
  ENDED_STATUSES,
  ExecutorRecoveredV1,
  ExecutorRegisteredV1,
  JobAssignedV2,
  SERVICES,
  type EventContract,
} from '@anime/contracts';
import { executorIdOf, isEvent, type RecordedEvent } from '@anime/event-store';
import { unwrap } from '@anime/gateway-client';
import { eventually, type ServiceProcess } from '@anime/testing';
import { TestStudio } from '../test-studio.js';
import type { Cell, Fate } from './cells.js';
import { trailOf } from './trail-of.js';

/** The shortest that executors can be set to. */
export const SILENCE_MS = 10_000;
/** Without an answer of a server; the restarts and refusals of cells are far shorter. */
const SERVER_LIMIT_MS = 10_000;
/** Servers that nothing befalls; their GPUs are larger than those of the cells. */
const SOUND = ['sound-1', 'sound-2', 'sound-3'];
const CHECKPOINTS = ['simulated-anime-v1.safetensors', 'anime-xl.safetensors'];
const PICTURE = { width: 64, height: 64, steps: 6 };
/** The cells of one studio all run at once, on a machine that may be busy with other tests. */
const LONG_MS = 170_000;

/** A cell and what it is played on: its own executor and server. */
export interface Stand {
  readonly cell: Cell;
  readonly name: string;
  readonly executorId: string;
  server: Simulator;
  jobId: string;
  /** Done when all was done that its act and its fate want. */
  acted: Promise<void>;
}

/**
 * One studio of real processes in which all cells are played side by side. The first attempt of each job goes to the executor of
 * its cell, which stands still until all are handed out and all faults are set; the attempts that follow go to sound servers.
 */
export class FaultArena implements AsyncDisposable {
  readonly #made = new AsyncDisposableStack();
  readonly #processes = new Map<Fate, ServiceProcess>();
  readonly #stands: Stand[] = [];
  readonly #studio: TestStudio;

  private constructor(studio: TestStudio) {
    this.#studio = this.#made.use(studio);
  }

  /** Returns when every job is on its way. */
  static async start(cells: readonly Cell[]): Promise<FaultArena> {
    const arena = new FaultArena(
      await TestStudio.start({
        simulators: 0,
        executors: [...cells.map(nameOf), ...SOUND],
        services: SERVICES.filter((name) => name !== 'comfyui-executor'),
        env: { ANIME_SERVER_LIMIT_MS: String(SERVER_LIMIT_MS) },
      }),
    );
    try {
      await arena.#setUp(cells);
      await arena.#handOut();
      arena.#begin();
      return arena;
    } catch (error) {
      await arena[Symbol.asyncDispose]();
      throw error;
    }
  }

  stand(cell: Cell): Stand {
    const stand = this.#stands.find((candidate) => candidate.cell === cell);
    if (stand === undefined) throw new Error(`${nameOf(cell)} is not played`);
    return stand;
  }

  /** The whole trail of the cell's job, when it has ended and all was done that was to be. */
  async endOf(cell: Cell): Promise<string> {
    const { jobId, acted } = this.stand(cell);
    await this.#ended(jobId);
    await acted;
    return this.trail(cell);
  }

  /** As it is now. */
  trail(cell: Cell): Promise<string> {
    return trailOf(this.#studio.log, this.stand(cell).jobId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#stands.map(({ acted }) => acted));
    await this.#made.disposeAsync();
  }

  async #setUp(cells: readonly Cell[]): Promise<void> {
    for (const cell of cells) {
      const name = nameOf(cell);
      const server = await this.#simulator(name, cell.server);
      const executorId = executorIdOf('studio', name);
      this.#stands.push({ cell, name, executorId, server, jobId: '', acted: Promise.resolve() });
    }
    for (const fate of new Set(cells.map((cell) => cell.fate))) {
      const servers = this.#of(fate).map(({ name, server }) => ({ name, url: server.url }));
      this.#processes.set(fate, await this.#executors(servers));
    }
    const sound = SOUND.map(async (name) => ({
      name,
      url: (await this.#simulator(name, { vramTotalMb: 12_288 })).url,
    }));
    await this.#executors(await Promise.all(sound));
  }

  async #simulator(name: string, options: Partial<SimulatorOptions>): Promise<Simulator> {
    const dataDir = path.join(this.#studio.dir, 'servers', name);
    return this.#made.use(await startSimulator({ dataDir, stepDelayMs: 10, checkpoints: CHECKPOINTS, ...options }));
  }

  /** Returns when all of them are registered. */
  async #executors(servers: readonly { readonly name: string; readonly url: string }[]): Promise<ServiceProcess> {
    const executors = await this.#studio.startService('comfyui-executor', {
      COMFYUI_URLS: servers.map(({ name, url }) => `${name}=${url}`).join(','),
      ANIME_SILENCE_LIMIT_MS: String(SILENCE_MS),
    });
    for (const { name } of servers) await this.#happened(executorIdOf('studio', name), ExecutorRegisteredV1);
    return executors;
  }

  /** An idle executor gets a job before one that has one, and the earlier registered first: so it is known who gets which. */
  async #handOut(): Promise<void> {
    for (const { pid } of this.#processes.values()) process.kill(pid, 'SIGSTOP');
    const registered = new Map<Stand, number>();
    for (const stand of this.#stands)
      registered.set(stand, (await this.#happened(stand.executorId, ExecutorRegisteredV1)).position);
    const inOrder = this.#stands.toSorted((one, other) => (registered.get(one) ?? 0) - (registered.get(other) ?? 0));
    for (const [seed, stand] of inOrder.entries())
      stand.jobId = await this.#studio.requestImage({ ...PICTURE, seed, ...stand.cell.body });
    for (const { name, jobId, executorId } of this.#stands) {
      const event = await this.#studio.happened(jobId, JobAssignedV2);
      if (!isEvent(event, JobAssignedV2) || event.data.executorId !== executorId)
        throw new Error(`the job of ${name} went to another executor`);
    }
    // What they have they do; nothing more is given to them, so that what their servers count is of one job.
    await Promise.all(
      this.#stands.map(async ({ executorId }) =>
        unwrap(this.#studio.client.POST('/api/anime/executors/{id}/pause', { params: { path: { id: executorId } } })),
      ),
    );
    for (const stand of this.#stands) await this.#setFaults(stand);
  }

  async #setFaults(stand: Stand): Promise<void> {
    const { name, server } = stand;
    const { otherGpuMb, faults } = stand.cell;
    if (otherGpuMb !== undefined) {
      await server.close();
      stand.server = await this.#simulator(name, { port: server.port, vramTotalMb: otherGpuMb });
    }
    Object.assign(stand.server.faults, faults);
  }

  #begin(): void {
    for (const { pid } of this.#processes.values()) process.kill(pid, 'SIGCONT');
    for (const stand of this.#stands) stand.acted = this.#act(stand);
    for (const fate of this.#processes.keys()) {
      const stands = this.#of(fate);
      const met = this.#meet(fate, stands);
      for (const stand of stands) stand.acted = Promise.all([stand.acted, met]).then(() => undefined);
    }
    // Whoever waits for the cell is told.
    for (const { acted } of this.#stands) acted.catch(() => undefined);
  }

  async #act({ cell, server, jobId }: Stand): Promise<void> {
    const { act } = cell;
    if (act === undefined) return;
    await struck(cell, server);
    switch (act) {
      case 'cancel':
        await unwrap(this.#studio.client.POST('/api/anime/jobs/{id}/cancel', { params: { path: { id: jobId } } }));
        return;
      case 'stop-reading':
        server.faults.stalledReader = true;
        return;
      case 'answer-late':
        server.faults.latencySpikes = { share: 0.5, ms: 400, seed: 1 };
        return;
      case 'crash':
        return server.crash();
    }
  }

  async #meet(fate: Fate, stands: readonly Stand[]): Promise<void> {
    const executors = this.#processes.get(fate);
    if (fate === 'lives' || executors === undefined) return;
    await Promise.all(stands.map(({ cell, server }) => struck(cell, server)));
    if (fate === 'ended-and-back') return executors.restart();
    const { signal } = await executors.kill('SIGKILL');
    if (signal !== 'SIGKILL') throw new Error(`the executors ended by ${String(signal)}`);
    if (fate === 'killed-for-good') return;
    if (fate === 'killed-and-back-late') for (const { jobId } of stands) await this.#ended(jobId);
    await executors.restart();
    if (fate === 'killed-and-back-late')
      for (const { executorId } of stands) await this.#happened(executorId, ExecutorRecoveredV1);
  }

  #of(fate: Fate): readonly Stand[] {
    return this.#stands.filter(({ cell }) => cell.fate === fate);
  }

  async #happened(executorId: string, contract: EventContract): Promise<RecordedEvent> {
    const find = async (): Promise<RecordedEvent | undefined> => {
      for await (const entry of this.#studio.log.readAggregate('executor', executorId))
        if (entry.status === 'event' && entry.event.type === contract.type) return entry.event;
      return undefined;
    };
    return eventually(find, { what: `${contract.type} of ${executorId}`, timeoutMs: 60_000 });
  }

  /** Its outputs are dealt with, too: those of a cancelled job after its end. */
  async #ended(jobId: string): Promise<void> {
    const hasEnded = async (): Promise<boolean> => {
      const trail = await this.#studio.trail(jobId);
      const isDealtWith = !trail.includes('executed') || (trail.includes('organised') && trail.includes('scored'));
      return isDealtWith && ENDED_STATUSES.some((status) => trail.includes(status));
    };
    await eventually(hasEnded, { what: `job ${jobId} ends`, timeoutMs: LONG_MS, intervalMs: 200 });
  }
}

/** Waits until the cell's fault has struck its prompt. */
async function struck({ strikes }: Cell, { counters }: Simulator): Promise<void> {
  if (strikes === undefined) throw new Error('no fault tells when the moment has come');
  await eventually(() => counters.faultsStruck[strikes] === 1, { what: `${strikes} strikes`, timeoutMs: LONG_MS });
}

function nameOf({ fault, at }: Cell): string {
  return `${fault}-${at}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}
