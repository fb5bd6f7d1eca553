import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Counters, count, newCounters } from './counters.js';
import { type Faults, NO_FAULTS } from './faults.js';
import { Gpu } from './gpu.js';
import { HttpGate } from './http/gate.js';
import { createHttpServer } from './http/server.js';
import { Listener } from './listener.js';
import { type ModelFiles, modelFilesOf } from './model-files.js';
import type { Directories } from './nodes/node-kind.js';
import { NODE_KINDS } from './nodes/registry.js';
import { type ProcessEnvironment, type ServerProcess, startProcess } from './server-process.js';

export type PreviewMethod = 'none' | 'auto' | 'latent2rgb' | 'taesd';

export interface SimulatorOptions {
  /** 0 or left out: a free port. */
  readonly port?: number;
  readonly host?: '127.0.0.1';
  /** Holds output/, input/ and temp/; temp/ is emptied at the start. */
  readonly dataDir: string;
  /** Time one sampling step takes, in ms; default 15. */
  readonly stepDelayMs?: number;
  /** File names the checkpoint loader offers; the same as `modelFiles.checkpoints`. */
  readonly checkpoints?: readonly string[];
  /** File names the loaders offer, by folder; folders left out keep their defaults. */
  readonly modelFiles?: Partial<ModelFiles>;
  /** Name of the device; "(simulator)" is added where it does not say so itself. */
  readonly gpuName?: string;
  /** In MiB, default 8192. What does not fit beside its models, with all others unloaded, ends as out of memory. */
  readonly vramTotalMb?: number;
  /** Factor by which the card is faster than `stepDelayMs` says; default 1. */
  readonly gpuSpeed?: number;
  /** Sizes of model files in MiB, by file name; others are estimated from the name. */
  readonly modelSizesMb?: Readonly<Record<string, number>>;
  /** Previews for prompts that do not choose by `extra_data.preview_method`; default `none`. */
  readonly previewMethod?: PreviewMethod;
  /** Switches set from the beginning. */
  readonly faults?: Partial<Faults>;
  /** Number of the first prompt, as of a server that has been up for a while; default 0. A restart counts from 0. */
  readonly firstNumber?: number;
}

/** A running simulated ComfyUI server. */
export interface Simulator extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  readonly counters: Counters;
  /** May be changed at any time. */
  readonly faults: Faults;
  /** File names the loaders offer, by folder; may be changed at any time. */
  readonly modelFiles: ModelFiles;
  readonly gpu: Gpu;
  /** Tears every websocket down as a lost connection does (close code 1006). */
  dropSockets(): void;
  /** Sends the events that `stalledReader` held up, and lets a worker that `zombieWorker` held back look again. */
  wake(): void;
  /** Connections are refused for so many ms, open requests end; websockets and the worker go on. */
  refuseConnections(ms: number): Promise<void>;
  /**
   * Kills the process and starts another on the same port: sockets drop (1006), connections are refused meanwhile,
   * queue, history and temp/ are gone, numbers count from 0, `gpuFault` and `zombieWorker` are cured; output/ and
   * input/ stay. Resolves when it listens again.
   */
  restart(options?: { readonly downMs?: number }): Promise<void>;
  /** Ends the process as `kill -9` does; `restart` brings it back. */
  crash(): Promise<void>;
  /** Stops at once: sockets drop, a running prompt is lost, files stay. */
  close(): Promise<void>;
}

/** Starts a server that behaves as ComfyUI 0.33.0 was measured to. Resolves when it listens. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const machine = new Machine(options, await prepareDirectories(options.dataDir));
  const port = await machine.start(options.firstNumber ?? 0);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    counters: machine.counters,
    faults: machine.faults,
    modelFiles: machine.modelFiles,
    gpu: machine.gpu,
    dropSockets: () => machine.dropSockets(),
    wake: () => machine.wake(),
    refuseConnections: (ms) => machine.refuseConnections(ms),
    restart: ({ downMs = 0 } = {}) => machine.restart(downMs),
    crash: () => machine.crash(),
    close: () => machine.close(),
    [Symbol.asyncDispose]: () => machine.close(),
  };
}

/** What stays while ComfyUI processes come and go: port, files, counters, switches. */
class Machine {
  readonly counters = newCounters();
  readonly faults: Faults;
  readonly modelFiles: ModelFiles;
  readonly gpu: Gpu;
  private readonly gate: HttpGate;
  private readonly listener: Listener;
  private process: ServerProcess | undefined;
  private isClosed = false;

  constructor(
    private readonly options: SimulatorOptions,
    private readonly directories: Directories,
  ) {
    this.faults = { ...NO_FAULTS, ...options.faults };
    this.modelFiles = modelFilesOf(options.modelFiles, options.checkpoints);
    this.gpu = new Gpu({
      name: options.gpuName ?? 'ComfyUI simulator',
      vramTotalMb: options.vramTotalMb ?? 8192,
      speed: options.gpuSpeed ?? 1,
      modelSizesMb: options.modelSizesMb ?? {},
      reservedMb: () => this.faults.reservedVramMb,
      onLoad: (file) => count(this.counters.modelLoads, file),
    });
    this.gate = new HttpGate(this.faults);
    this.listener = new Listener(() => this.createServer(), options.port ?? 0, options.host ?? '127.0.0.1');
  }

  /** @returns the port */
  start(firstNumber: number): Promise<number> {
    this.process = startProcess(this.environment(firstNumber));
    return this.listener.open();
  }

  dropSockets(): void {
    this.process?.sockets.drop();
  }

  wake(): void {
    this.process?.wake();
  }

  async refuseConnections(ms: number): Promise<void> {
    this.listener.close();
    await delay(ms);
    if (this.process !== undefined && !this.listener.isOpen) await this.listener.open();
  }

  async restart(downMs: number): Promise<void> {
    // All that a client can see of the end happens before anything is waited for.
    const killed = this.crash();
    this.counters.restarts += 1;
    this.faults.gpuFault = false;
    this.faults.zombieWorker = false;
    this.gpu.unloadModels();
    await Promise.all([killed, delay(downMs)]);
    if (this.isClosed) return;
    await prepareDirectories(this.options.dataDir);
    await this.start(0);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.crash();
  }

  async crash(): Promise<void> {
    const { process } = this;
    this.process = undefined;
    const killed = process?.kill();
    this.listener.close();
    await killed;
  }

  private createServer(): ReturnType<typeof createHttpServer> {
    const server = createHttpServer((request) => {
      if (this.process === undefined) throw new Error('the process has ended');
      return this.process.respond(request);
    }, this.gate);
    server.on('upgrade', (request, socket, head) => {
      if (this.process === undefined) socket.destroy();
      else this.process.acceptWebsocket(request, socket, head);
    });
    return server;
  }

  private environment(firstNumber: number): ProcessEnvironment {
    const { options, directories, counters, faults, modelFiles, gpu } = this;
    return {
      kinds: NODE_KINDS,
      directories,
      counters,
      faults,
      modelFiles,
      gpu,
      stepDelayMs: options.stepDelayMs ?? 15,
      previewMethod: options.previewMethod ?? 'none',
      firstNumber,
      control: {
        dropSockets: () => this.dropSockets(),
        stallHttp: (ms) => this.gate.begin(ms),
        refuseConnections: (ms) => inBackground(this.refuseConnections(ms)),
        restart: (ms) => inBackground(this.restart(ms)),
        crash: () => inBackground(this.crash()),
      },
    };
  }
}

/** A fault strikes from inside what it ends, so nothing there can wait for it. */
function inBackground(work: Promise<void>): void {
  work.catch((error: unknown) => {
    process.stderr.write(`ComfyUI simulator: ${String(error)}\n`);
  });
}

async function prepareDirectories(dataDir: string): Promise<Directories> {
  const root = resolve(dataDir);
  const directories = { output: join(root, 'output'), input: join(root, 'input'), temp: join(root, 'temp') };
  await rm(directories.temp, { recursive: true, force: true });
  for (const directory of Object.values(directories)) await mkdir(directory, { recursive: true });
  return directories;
}
