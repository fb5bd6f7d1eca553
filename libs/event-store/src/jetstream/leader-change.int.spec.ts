import { isProblem } from '@anime/problem-details';
import { eventually, startNatsCluster } from '@anime/testing';
import { expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { provision } from '../provision/provision.js';
import { cancelRequested } from '../testing/conformance/samples.js';
import { START } from '../testing/conformance/follow-all.js';
import { uuidv7 } from '../ids.js';
import { openLog, type JetStreamLog } from './jetstream-log.js';

const WRITERS = 16;
const KILLS = 2;
/** Acknowledged between two kills. */
const BETWEEN = 200;

/** What the log client said of each event. */
interface Told {
  /** By id, with the acknowledged position. */
  readonly stored: Map<string, number>;
  /** `log-unavailable`, and it may be stored all the same. */
  readonly perhaps: Set<string>;
  /** `log-unavailable`. */
  readonly not: Set<string>;
}

it('a log on three servers, whose leader is killed again and again under appends, keeps what it acknowledged, tells what it may have kept, and is followed once and in order', async () => {
  await using cluster = await startNatsCluster();
  await eventually(() => provision({ natsUrl: cluster.url, replicas: 3 }), { what: 'the cluster takes streams' });
  await using writer = closing(openLog({ natsUrl: cluster.url, name: 'writer', ackTimeoutMs: 500 }));
  await using reader = closing(openLog({ natsUrl: cluster.url, name: 'reader' }));

  const seen: { readonly position: number; readonly id: string | undefined }[] = [];
  const stop = new AbortController();
  const following = reader.log.follow({
    after: START,
    signal: stop.signal,
    onBatch: async ({ entries }) => {
      for (const entry of entries)
        seen.push({ position: entry.position, id: entry.status === 'event' ? entry.event.id : undefined });
    },
  });

  const told: Told = { stored: new Map(), perhaps: new Set(), not: new Set() };
  const done = new AbortController();
  const writing = Promise.all(Array.from({ length: WRITERS }, () => appendUntil(done.signal, writer.log, told)));
  const acknowledge = async (more: number, what: string): Promise<void> => {
    const from = told.stored.size;
    await eventually(() => told.stored.size >= from + more, { what });
  };
  await acknowledge(BETWEEN, 'the log takes events');
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const server = cluster.named(await leaderOf(writer.log));
    await server.kill();
    await acknowledge(BETWEEN, `the log takes events after kill ${kill}`);
    await server.restart();
    await acknowledge(BETWEEN, `the log takes events when the server of kill ${kill} is back`);
  }
  done.abort();
  await writing;

  const end = await eventually(() => writer.log.end(), { what: 'the log says where it ends' });
  await eventually(() => seen.at(-1)?.position === end, { what: 'the follower has come to the end' });
  stop.abort();
  await following;

  expect(seen.map(({ position }) => position)).toEqual(Array.from({ length: end }, (_, n) => n + 1));
  const kept = new Map(seen.map(({ id, position }) => [id, position]));
  expect(kept.size).toBe(end);
  expect([...told.stored].filter(([id, position]) => kept.get(id) !== position)).toEqual([]);
  expect([...told.not].filter((id) => kept.has(id))).toEqual([]);
  expect([...kept.keys()].filter((id) => id === undefined || !(told.stored.has(id) || told.perhaps.has(id)))).toEqual(
    [],
  );
  const read: number[] = [];
  for await (const entry of reader.log.read({ after: 0 })) read.push(entry.position);
  expect(read).toHaveLength(end);
}, 180_000);

/** Appends events that each create a job, and notes what came of each. */
async function appendUntil(signal: AbortSignal, log: JetStreamLog, told: Told): Promise<void> {
  while (!signal.aborted) {
    const event = cancelRequested(uuidv7());
    try {
      const { position } = await log.append(event, { expect: { scope: 'aggregate', lastPosition: 0 } });
      told.stored.set(event.id, position);
    } catch (error) {
      if (!isProblem(error, 'log-unavailable')) throw error;
      (error.message.includes('it may be stored all the same') ? told.perhaps : told.not).add(event.id);
    }
  }
}

async function leaderOf(log: JetStreamLog): Promise<string> {
  return eventually(
    async () => {
      const manager = await jetstreamManager(await log.connected(), { checkAPI: false });
      return (await manager.streams.info(log.stream)).cluster?.leader;
    },
    { what: 'a server leads the stream' },
  );
}

function closing(log: JetStreamLog): AsyncDisposable & { readonly log: JetStreamLog } {
  return { log, [Symbol.asyncDispose]: () => log.close() };
}
