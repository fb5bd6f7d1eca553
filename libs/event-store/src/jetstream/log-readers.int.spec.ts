import { logReaderName, READERS_PER_SERVICE } from '@anime/contracts';
import { eventually, useNats } from '@anime/testing';
import { describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { followAll, START } from '../testing/conformance/follow-all.js';
import { cancelRequested } from '../testing/conformance/samples.js';
import { collect } from '../testing/collect.js';
import { useStudios, type Studio } from '../testing/jetstream/studio.js';
import { startTcpProxy } from '../testing/jetstream/tcp-proxy.js';
import type { JetStreamLog } from './jetstream-log.js';

const nats = useNats();
const newStudio = useStudios(nats);

async function names({ nc, stream }: Studio): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of (await jetstreamManager(nc)).consumers.list(stream)) found.push(name);
  return found.toSorted();
}

/** Follows until stopped; `positions` grows. */
function follow(log: JetStreamLog) {
  const stop = new AbortController();
  const positions: number[] = [];
  const ended = log.follow({
    after: START,
    signal: stop.signal,
    onBatch: async ({ entries }) => void positions.push(...entries.map(({ position }) => position)),
  });
  ended.catch(() => undefined); // a test that fails does not await it
  return { positions, stop: () => (stop.abort(), ended) };
}

describe('the consumers that read the log', () => {
  it('have names of their service only; two processes take two, and leave none behind', async () => {
    const studio = await newStudio();
    const logs = [studio.open({ name: 'reading' }), studio.open({ name: 'reading' })];
    const followers = logs.map(follow);
    const [mine, yours] = [logReaderName('reading', 1), logReaderName('reading', 2)];
    await eventually(async () => (await names(studio)).join() === [mine, yours].join(), { what: 'both read' });
    await logs[0]?.append(cancelRequested());
    for (const { positions } of followers)
      await eventually(() => positions.length === 1, { what: 'both have read it' });
    await Promise.all(followers.map(({ stop }) => stop()));
    await eventually(async () => (await names(studio)).length === 0, { what: 'no consumer is left' });
  });

  it('do not grow in number when the connection is lost again and again: a process takes its own name back', async () => {
    const studio = await newStudio();
    await using proxy = await startTcpProxy((await nats.server()).port);
    const log = studio.open({ name: 'cut', natsUrl: proxy.url });
    const writer = studio.open();
    const follower = follow(log);
    for (let cuts = 0; cuts < 4; cuts += 1) {
      await writer.append(cancelRequested());
      await eventually(() => follower.positions.length === cuts + 1, { what: `event ${cuts + 1} was read` });
      proxy.cut();
    }
    await writer.append(cancelRequested());
    await eventually(() => follower.positions.length === 5, { what: 'the last event was read' });
    expect(await names(studio)).toEqual([logReaderName('cut', 1)]);
    expect(follower.positions).toEqual([1, 2, 3, 4, 5]);
    await follower.stop();
  });

  it('pass over the names of a process that was killed, and say so when there is no other', async () => {
    const studio = await newStudio();
    const manager = await jetstreamManager(studio.nc);
    const leave = (n: number) =>
      manager.consumers.add(studio.stream, { name: logReaderName('killed', n), ack_policy: 'none', mem_storage: true });
    for (let n = 1; n <= READERS_PER_SERVICE; n += 1) await leave(n);
    const log = studio.open({ name: 'killed' });
    await log.append(cancelRequested());
    await expect(collect(log.read({ after: 0 }))).rejects.toMatchObject({
      code: 'log-unavailable',
      message: expect.stringContaining(`all ${READERS_PER_SERVICE} consumers of killed are in use`),
    });
    await manager.consumers.delete(studio.stream, logReaderName('killed', 7));
    expect((await followAll(log)).entries).toHaveLength(1);
    expect(await names(studio)).toContain(logReaderName('killed', 6));
  });
});
