import type { Counters } from '../counters.js';
import { type Faults, parseFaults } from '../faults.js';
import { empty, json, type Reply } from '../http/reply.js';
import type { Routes } from '../http/router.js';
import type { FaultActions } from '../prompt-moments.js';
import { bodyMembers, jsonBody } from './body.js';

export interface SimulatorRoutesEnvironment {
  readonly counters: Counters;
  readonly faults: Faults;
  readonly control: Omit<FaultActions, 'muteEvents' | 'interrupt'>;
  /** Looks again at switches that were turned back. */
  wake(): void;
}

/** Routes no ComfyUI has: a test in another process reads counters and turns switches here. */
export function simulatorRoutes({ counters, faults, control, wake }: SimulatorRoutesEnvironment): Routes {
  return {
    'GET /simulator/counters': () => json(counters),
    'GET /simulator/faults': () => json(faults),
    'POST /simulator/faults': ({ body }) => {
      const change = parseFaults(jsonBody(body));
      if (typeof change === 'string') return json({ error: change }, 400);
      Object.assign(faults, change);
      wake();
      return json(faults);
    },
    'POST /simulator/drop-sockets': () => {
      control.dropSockets();
      return empty();
    },
    'POST /simulator/restart': ({ body }) => afterAnswer(body, 'down_ms', (ms) => control.restart(ms)),
    'POST /simulator/refuse-connections': ({ body }) => afterAnswer(body, 'ms', (ms) => control.refuseConnections(ms)),
  };
}

/** An order that ends the connection it came on is answered first. */
function afterAnswer(body: Buffer, name: string, act: (ms: number) => void): Reply {
  const ms = body.length === 0 ? 0 : (bodyMembers(body)[name] ?? 0);
  if (typeof ms !== 'number' || !(ms >= 0)) return json({ error: `${name} must be a number, 0 or more` }, 400);
  return { ...empty(), afterwards: () => act(ms) };
}
