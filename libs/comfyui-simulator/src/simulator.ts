import { mkdir, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join, resolve } from 'node:path';
import { OutputCache } from './cache.js';
import { type Counters, count, newCounters } from './counters.js';
import { type Faults, NO_FAULTS } from './faults.js';
import { Gpu } from './gpu.js';
import { History } from './history.js';
import { refusesOrigin, Router } from './http/router.js';
import { createHttpServer } from './http/server.js';
import { type ModelFiles, modelFilesOf } from './model-files.js';
import type { Directories } from './nodes/node-kind.js';
import { NODE_KINDS } from './nodes/registry.js';
import { PromptQueue } from './queue.js';
import { jobRoutes } from './routes/job-routes.js';
import { promptRoutes } from './routes/prompt-routes.js';
import { queueRoutes } from './routes/queue-routes.js';
import { simulatorRoutes } from './routes/simulator-routes.js';
import { systemRoutes } from './routes/system-routes.js';
import { uploadRoutes } from './routes/upload-routes.js';
import { viewRoutes } from './routes/view-routes.js';
import { Sockets } from './sockets.js';
import { Worker } from './worker.js';

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
  /** Stops at once: sockets drop, a running prompt is lost, files stay. */
  close(): Promise<void>;
}

/** Starts a server that behaves as ComfyUI 0.33.0 was measured to. Resolves when it listens. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const directories = await prepareDirectories(options.dataDir);
  const modelFiles = modelFilesOf(options.modelFiles, options.checkpoints);
  const faults: Faults = { ...NO_FAULTS, ...options.faults };
  const counters = newCounters();
  const gpu = new Gpu({
    name: options.gpuName ?? 'ComfyUI simulator',
    vramTotalMb: options.vramTotalMb ?? 8192,
    speed: options.gpuSpeed ?? 1,
    modelSizesMb: options.modelSizesMb ?? {},
    onLoad: (file) => count(counters.modelLoads, file),
  });
  const history = new History();
  const queue = new PromptQueue(() => sockets.broadcastStatus());
  const sockets: Sockets = new Sockets({
    remaining: () => queue.remaining,
    runningNode: (sid) => (worker.currentClientId === sid ? worker.lastNodeId : null),
  });
  const worker: Worker = new Worker({
    queue,
    history,
    counters,
    faults,
    directories,
    modelFiles,
    gpu,
    kinds: NODE_KINDS,
    sink: sockets,
    cache: new OutputCache(),
    stepDelayMs: options.stepDelayMs ?? 15,
    previewMethod: options.previewMethod ?? 'none',
    dropSockets: () => sockets.drop(),
  });
  const router = new Router();
  router.add(promptRoutes({ queue, kinds: NODE_KINDS, counters, faults, modelFiles, directories }), true);
  router.add(queueRoutes({ queue, history, worker }), true);
  router.add(viewRoutes(directories), true);
  router.add(uploadRoutes(directories), true);
  router.add(systemRoutes({ kinds: NODE_KINDS, modelFiles, directories, gpu }), true);
  router.add(jobRoutes({ queue, history, worker }), false);
  router.add(simulatorRoutes({ counters, faults, sockets, queue }), false);
  const server = createHttpServer(router, () => faults.latencyMs);
  acceptWebsockets(server, sockets);
  const port = await listen(server, options.port ?? 0, options.host ?? '127.0.0.1');
  const running = worker.run().catch((error: unknown) => {
    // ComfyUI's only worker thread dies the same way, and its server goes on answering.
    process.stderr.write(`ComfyUI simulator: the worker has ended: ${String(error)}\n`);
  });
  const close = async (): Promise<void> => {
    sockets.close();
    worker.stop();
    await running;
    await closeServer(server);
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    counters,
    faults,
    modelFiles,
    gpu,
    dropSockets: () => sockets.drop(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function prepareDirectories(dataDir: string): Promise<Directories> {
  const root = resolve(dataDir);
  const directories = { output: join(root, 'output'), input: join(root, 'input'), temp: join(root, 'temp') };
  await rm(directories.temp, { recursive: true, force: true });
  for (const directory of Object.values(directories)) await mkdir(directory, { recursive: true });
  return directories;
}

function acceptWebsockets(server: Server, sockets: Sockets): void {
  server.on('upgrade', (request, socket, head) => {
    const { pathname } = new URL(request.url ?? '/', 'http://simulator');
    if (refusesOrigin(request.headers)) socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
    else if (pathname === '/ws' || pathname === '/api/ws') sockets.accept(request, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
  });
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolvePort, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolvePort(address.port);
      else reject(new Error('the server has no port'));
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}
