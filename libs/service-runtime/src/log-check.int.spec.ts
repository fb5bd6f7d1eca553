import { openLog, type JetStreamLog } from '@anime/event-store';
import { eventually, useNats } from '@anime/testing';
import { afterAll, expect, it } from '@jest/globals';
import { logCheck, Readiness } from './readiness.js';

const nats = useNats();
let log: JetStreamLog;
afterAll(() => log.close());

it('the readiness of the log is asked of NATS itself: a server that hangs is named at once, and one that goes on too', async () => {
  const server = await nats.server();
  log = openLog({ natsUrl: server.url, name: 'test' });
  await log.connected();
  const readiness = new Readiness();
  readiness.add('log', logCheck(log));
  expect(await readiness.report()).toEqual({ ready: true, checks: [{ name: 'log', ok: true, reason: null }] });

  process.kill(server.pid, 'SIGSTOP');
  try {
    expect(await readiness.report()).toEqual({
      ready: false,
      checks: [{ name: 'log', ok: false, reason: 'NATS is connected and has not answered within 700 ms' }],
    });
    expect(log.state().connected).toBe(true); // which is all that the client knows for the next 20 seconds
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await eventually(async () => (await readiness.report()).ready, { what: 'ready again' });

  await server.kill();
  await eventually(() => !log.state().connected, { what: 'the connection is lost' });
  expect(await readiness.report()).toMatchObject({ ready: false, checks: [{ reason: expect.stringMatching(/\w/) }] });
});
