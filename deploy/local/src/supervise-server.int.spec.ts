import { once } from 'node:events';
import { createServer } from 'node:net';
import { startNatsServer, type NatsServer } from '@anime/embedded-servers';
import { eventually } from '@anime/testing';
import { afterAll, describe, expect, it } from '@jest/globals';
import { superviseServer, type RestartableServer } from './supervise-server.js';

const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  await Promise.all(stops.map((stop) => stop()));
});

interface Watched {
  readonly troubles: readonly string[];
  /** When each restart was tried, in ms. */
  readonly tries: readonly number[];
}

function watch(nats: NatsServer): Watched {
  const [troubles, tries]: [string[], number[]] = [[], []];
  const server: RestartableServer = {
    get exited() {
      return nats.exited;
    },
    restart: () => {
      tries.push(performance.now());
      return nats.restart();
    },
    stop: () => nats.stop(),
  };
  stops.push(superviseServer('nats-server', server, (message) => troubles.push(message)));
  return { troubles, tries };
}

describe('a server that is watched', () => {
  it('and cannot start for a while: its end and the reason are said once, it is tried less and less often', async () => {
    const nats = await startNatsServer({ syncAlways: false });
    const { troubles, tries } = watch(nats);
    const ended = nats.exited;
    process.kill(nats.pid, 'SIGKILL');
    await ended;
    const occupier = createServer().listen(nats.port, '127.0.0.1');
    await once(occupier, 'listening');
    await eventually(() => tries.length === 3, { what: 'the third try' });
    const told = [
      'nats-server ended (SIGKILL); starting it again on the same port and data.',
      expect.stringMatching(/^nats-server does not start: [^]*address already in use/),
    ];
    expect(troubles).toEqual(told);
    const [first = 0, second = 0, third = 0] = tries;
    expect(second - first).toBeGreaterThan(1_900);
    expect(third - second).toBeGreaterThan(3_900);

    await new Promise((resolve) => occupier.close(resolve));
    const dead = nats.pid;
    await eventually(() => nats.pid !== dead, { what: 'the server runs again' });
    expect(troubles).toEqual(told);

    process.kill(nats.pid, 'SIGKILL');
    await eventually(() => troubles.length === 3, { what: 'the next end is said' });
    expect(troubles[2]).toBe(told[0]);
  });
});
