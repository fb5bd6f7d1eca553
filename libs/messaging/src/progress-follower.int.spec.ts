import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ProgressV1, PROGRESS_STREAM, type Progress } from '@anime/contracts';
import { openLog, provision, uuidv7, type JetStreamLog } from '@anime/event-store';
import { eventually, GARBAGE_HEADERS, publishRaw, useNats } from '@anime/testing';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { messageSubject, publishProgress } from './live-messages.js';
import { ProgressFollower } from './progress-follower.js';

jest.setTimeout(30_000);
const nats = useNats();
let log: JetStreamLog;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const natsUrl = (await nats.server()).url;
  await provision({ natsUrl });
  log = openLog({ natsUrl, name: 'test' });
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(() => log.close());

const manager = async (): Promise<JetStreamManager> => jetstreamManager(await nats.connection());
const lastSeq = async (): Promise<number> => (await (await manager()).streams.info(PROGRESS_STREAM)).state.last_seq;

/** Stores progress of a job, one message for each fraction. @returns the end of the stream after that */
async function publish(jobId: string, ...fractions: readonly number[]): Promise<number> {
  const nc = await nats.connection();
  const rest = { phase: 'running', node: null, nodeTitle: null, step: null, steps: null } as const;
  for (const fraction of fractions) {
    const progress: Progress = { jobId, attempt: 1, fraction, ...rest, at: '2026-01-02T03:04:05.678Z' };
    publishProgress(nc, progress);
  }
  await nc.flush();
  return lastSeq();
}

/** Notes what a follower tells; a number is the seq of a message. */
function follow(follower = new ProgressFollower(log)) {
  const told: (number | 'discontinuity')[] = [];
  const types: string[] = [];
  const stop = new AbortController();
  const running = follower.run(
    {
      onMessage: (message) => {
        told.push(message.seq);
        types.push(message.type);
      },
      onDiscontinuity: () => told.push('discontinuity'),
    },
    stop.signal,
  );
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  ends.push(end);
  const reached = (seq: number) => eventually(() => told.at(-1) === seq, { what: `${seq} is reached` });
  return { follower, told, types, end, reached };
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe('following progress', () => {
  it('begins at the end and brings every message of every job in order, with one consumer that goes when it ends', async () => {
    const before = await publish(uuidv7(), 0.1);
    const { follower, told, types, end, reached } = follow();
    await follower.begun();
    await publish(uuidv7(), 0.2, 0.3);
    const last = await publish(uuidv7(), ...range(1, 2000).map((n) => n / 2000));
    await reached(last);
    expect(told).toEqual(range(before + 1, last));
    expect(new Set(types)).toEqual(new Set([ProgressV1.name]));
    expect(follower.check()).toEqual({ ok: true, reason: null });
    const consumers = async () => (await (await manager()).streams.info(PROGRESS_STREAM)).state.consumer_count;
    expect(await consumers()).toBe(1);
    await end();
    await eventually(async () => (await consumers()) === 0, { what: 'its consumer is gone' });
  });

  it('goes on where it ended when it runs again, and tells when messages there are gone', async () => {
    const jobId = uuidv7();
    const { follower, told, end, reached } = follow();
    await follower.begun();
    const first = await publish(jobId, 0.1);
    await reached(first);
    await end();
    const second = await publish(jobId, 0.2, 0.3);
    const again = follow(follower);
    await again.reached(second);
    await again.end();
    expect([told, again.told]).toEqual([[first], [second - 1, second]]);
    const third = await publish(jobId, 0.4, 0.5);
    await (await manager()).streams.purge(PROGRESS_STREAM, { seq: third });
    const late = follow(follower);
    await late.reached(third);
    expect(late.told).toEqual(['discontinuity', third]);
  });

  it('tells of a gap in the midst of the stream', async () => {
    const [jobId, other] = [uuidv7(), uuidv7()];
    const { follower, told, end, reached } = follow();
    await follower.begun();
    const first = await publish(other, 0.1);
    await reached(first);
    await end();
    await publish(jobId, 0.1, 0.2);
    const last = await publish(other, 0.2);
    await (await manager()).streams.purge(PROGRESS_STREAM, { filter: messageSubject(ProgressV1, { jobId }) });
    const again = follow(follower);
    await again.reached(last);
    expect([told, again.told]).toEqual([[first], ['discontinuity', last]]);
  });

  it('is not stopped by headers that are broken or pretend to be the server’s', async () => {
    const { follower, told, types, reached } = follow();
    await follower.begun();
    const { port } = await nats.server();
    const before = await lastSeq();
    const jobId = uuidv7();
    for (const headerBlock of Object.values(GARBAGE_HEADERS)) {
      await publishRaw(port, { subject: messageSubject(ProgressV1, { jobId }), headerBlock });
    }
    expect((await follower.latest(jobId)).message?.type).toBe('');
    const last = await publish(jobId, 0.5);
    await reached(last);
    expect(told).toEqual(range(before + 1, last));
    expect(types).toEqual([...Object.keys(GARBAGE_HEADERS).map(() => ''), ProgressV1.name]);
    const { created } = (await follower.latest(jobId)).place;
    const history = await follower.behind(jobId, { created, seq: before });
    expect(history?.messages.map(({ seq }) => seq)).toEqual(told);
  });

  it('misses nothing when the server is killed and started again, or its consumer is deleted', async () => {
    const jobId = uuidv7();
    const { follower, told, reached } = follow();
    await follower.begun();
    const first = await publish(jobId, 0.1);
    await reached(first);
    const server = await nats.server();
    await server.kill();
    await eventually(() => !follower.check().ok, { what: 'it knows that the server is gone' });
    await server.restart();
    const second = await publish(jobId, 0.2, 0.3);
    await reached(second);
    const streams = await manager();
    for (const { name } of await streams.consumers.list(PROGRESS_STREAM).next()) {
      await streams.consumers.delete(PROGRESS_STREAM, name);
    }
    const third = await publish(jobId, 0.4);
    await reached(third);
    expect(told).toEqual(range(first, third));
  });

  it('tells when the stream is another one, and follows that from its beginning or end', async () => {
    const jobId = uuidv7();
    const { follower, told, reached } = follow();
    await follower.begun();
    await reached(await publish(jobId, 0.1));
    const { place } = await follower.latest(jobId);
    const streams = await manager();
    await streams.streams.delete(PROGRESS_STREAM);
    await eventually(() => follower.check().reason?.includes('npm run anime -- provision'), {
      what: 'it names the repair',
    });
    await provision({ natsUrl: (await nats.server()).url });
    await eventually(() => told.at(-1) === 'discontinuity', { what: 'it tells of the new stream' });
    await reached(await publish(jobId, 0.2));
    expect(told.slice(1)).toEqual(['discontinuity', 1]);
    expect(await follower.behind(jobId, place)).toBeUndefined();
    expect((await follower.latest(jobId)).place.created).not.toBe(place.created);
  });

  it('knows another stream by its creation, however far it has come meanwhile', async () => {
    const jobId = uuidv7();
    const { follower, end, reached } = follow();
    await follower.begun();
    const before = await publish(jobId, 0.1);
    await reached(before);
    await end();
    await (await manager()).streams.delete(PROGRESS_STREAM);
    await provision({ natsUrl: (await nats.server()).url });
    const after = await publish(jobId, ...range(0, before + 2).map(() => 0.2));
    const again = follow(follower);
    await eventually(() => again.told.length > 0, { what: 'it is told' });
    const live = await publish(jobId, 0.3);
    await again.reached(live);
    expect([live, again.told]).toEqual([after + 1, ['discontinuity', live]]);
  });
});

describe('a job’s progress', () => {
  it('is its last message with the end of the stream, and what lies behind a place with what is still kept', async () => {
    const { follower } = follow();
    await follower.begun();
    const [jobId, other] = [uuidv7(), uuidv7()];
    const start = await publish(jobId, 0.1);
    const end = await publish(other, 0.1, 0.2);
    const { place, message } = await follower.latest(jobId);
    expect([place.seq, message?.seq, message?.jobId]).toEqual([end, start, jobId]);
    expect(JSON.parse(Buffer.from(message?.data ?? []).toString())).toMatchObject({ jobId, fraction: 0.1 });
    const last = await publish(jobId, 0.3, 0.4);
    const history = await follower.behind(jobId, { ...place, seq: start });
    expect(history?.messages.map(({ seq }) => seq)).toEqual([last - 1, last]);
    expect(history).toMatchObject({ created: place.created, firstSeq: 1, lastSeq: last, limit: 2048, oldest: start });
  });

  it('of a job without any is nothing', async () => {
    const { follower } = follow();
    await follower.begun();
    const { place, message } = await follower.latest(uuidv7());
    expect(message).toBeUndefined();
    expect(await follower.behind(uuidv7(), place)).toMatchObject({ messages: [], lastSeq: place.seq });
    expect((await follower.behind(uuidv7(), place))?.oldest).toBeUndefined();
  });

  it('is read whole when it is much, again and again at the same time', async () => {
    const { follower } = follow();
    await follower.begun();
    const jobId = uuidv7();
    const { place } = await follower.latest(jobId);
    await publish(jobId, ...range(1, 2048).map((n) => n / 2048));
    const histories = await Promise.all(range(1, 10).map(() => follower.behind(jobId, place)));
    expect(histories.map((history) => history?.messages.length)).toEqual(range(1, 10).map(() => 2048));
  });
});
