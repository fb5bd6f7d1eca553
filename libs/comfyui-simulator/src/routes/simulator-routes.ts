import type { Counters } from '../counters.js';
import { type Faults, parseFaults } from '../faults.js';
import { empty, json } from '../http/reply.js';
import type { Routes } from '../http/router.js';
import type { PromptQueue } from '../queue.js';
import type { Sockets } from '../sockets.js';
import { jsonBody } from './body.js';

export interface SimulatorRoutesEnvironment {
  readonly counters: Counters;
  readonly faults: Faults;
  readonly sockets: Sockets;
  readonly queue: PromptQueue;
}

/** Routes no ComfyUI has: a test in another process reads counters and turns switches here. */
export function simulatorRoutes({ counters, faults, sockets, queue }: SimulatorRoutesEnvironment): Routes {
  return {
    'GET /simulator/counters': () => json(counters),
    'GET /simulator/faults': () => json(faults),
    'POST /simulator/faults': ({ body }) => {
      const change = parseFaults(jsonBody(body));
      if (typeof change === 'string') return json({ error: change }, 400);
      Object.assign(faults, change);
      // A worker held back by `zombieWorker` looks again.
      queue.notify();
      return json(faults);
    },
    'POST /simulator/drop-sockets': () => {
      sockets.drop();
      return empty();
    },
  };
}
