import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { OutputCache } from './cache.js';
import type { Counters } from './counters.js';
import type { Faults } from './faults.js';
import type { Gpu } from './gpu.js';
import { History } from './history.js';
import { refusesOrigin, Router } from './http/router.js';
import type { Responder } from './http/server.js';
import type { ModelFiles } from './model-files.js';
import type { Directories, NodeKind } from './nodes/node-kind.js';
import type { FaultActions } from './prompt-moments.js';
import { PromptQueue } from './queue.js';
import { jobRoutes } from './routes/job-routes.js';
import { promptRoutes } from './routes/prompt-routes.js';
import { queueRoutes } from './routes/queue-routes.js';
import { simulatorRoutes } from './routes/simulator-routes.js';
import { systemRoutes } from './routes/system-routes.js';
import { uploadRoutes } from './routes/upload-routes.js';
import { assetRoutes, userRoutes } from './routes/user-routes.js';
import { viewRoutes } from './routes/view-routes.js';
import { Sockets } from './sockets.js';
import { Worker } from './worker.js';

/** What outlives a process: the machine, its files, and what a test has set. */
export interface ProcessEnvironment {
  readonly kinds: ReadonlyMap<string, NodeKind>;
  readonly directories: Directories;
  readonly modelFiles: ModelFiles;
  readonly gpu: Gpu;
  readonly counters: Counters;
  readonly faults: Faults;
  readonly stepDelayMs: number;
  readonly previewMethod: string;
  /** Of the first prompt. */
  readonly firstNumber: number;
  readonly control: Omit<FaultActions, 'muteEvents' | 'interrupt'> & { crash(): void };
}

/** One ComfyUI process: all that a restart forgets. */
export interface ServerProcess {
  readonly respond: Responder;
  readonly sockets: Sockets;
  /** Looks again at switches that were turned back. */
  wake(): void;
  acceptWebsocket(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends at once: sockets drop, the running prompt is lost. Resolves when nothing of it runs any more. */
  kill(): Promise<void>;
}

export function startProcess(environment: ProcessEnvironment): ServerProcess {
  const { directories, counters, faults, control } = environment;
  const history = new History();
  const queue = new PromptQueue(() => sockets.broadcastStatus());
  const sockets: Sockets = new Sockets({
    faults,
    remaining: () => queue.remaining,
    runningNode: (sid) => (worker.currentClientId === sid ? worker.lastNodeId : null),
  });
  const worker: Worker = new Worker({
    ...environment,
    queue,
    history,
    sink: sockets,
    cache: new OutputCache(),
    dropSockets: () => sockets.drop(),
    actions: control,
    crash: () => control.crash(),
  });
  const router = new Router();
  router.add(promptRoutes({ ...environment, queue }), true);
  router.add(queueRoutes({ queue, history, worker, faults }), true);
  router.add(viewRoutes(directories, faults), true);
  router.add(uploadRoutes(directories), true);
  router.add(systemRoutes(environment), true);
  router.add(userRoutes(directories), true);
  router.add(assetRoutes(), false);
  router.add(jobRoutes({ queue, history, worker, faults }), false);
  const wake = (): void => {
    queue.notify();
    sockets.resume();
  };
  router.add(simulatorRoutes({ counters, faults, control, wake }), false);
  const running = worker.run().catch((error: unknown) => {
    // ComfyUI's only worker thread dies the same way, and its server goes on answering.
    process.stderr.write(`ComfyUI simulator: the worker has ended: ${String(error)}\n`);
  });
  return {
    respond: (request) => router.handle(request),
    sockets,
    wake,
    acceptWebsocket: (request, socket, head) => {
      const { pathname } = new URL(request.url ?? '/', 'http://simulator');
      if (refusesOrigin(request.headers)) socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
      else if (pathname === '/ws' || pathname === '/api/ws') sockets.accept(request, socket, head);
      else socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    },
    kill: async () => {
      sockets.close();
      worker.stop();
      await running;
    },
  };
}
