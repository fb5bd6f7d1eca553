import { describe, expect, it, jest } from '@jest/globals';
import { CATALOGUE, createCatalogue, defineEvent, defineUpcaster, JobCancelRequestedV2 } from '@anime/contracts';
import { openLog, uuidv7, type Batch, type Checkpoint } from '@anime/event-store';
import { testEvent } from '@anime/event-store/testing';
import { ProblemError } from '@anime/problem-details';
import { eventually, GARBAGE_HEADERS, publishRaw } from '@anime/testing';
import { z } from 'zod';
import { DONE, type ProjectionRow } from './consumer-table.js';
import { DURABLE, recorder, useReactorStudios } from './testing/reactor-studio.js';

jest.setTimeout(60_000);
const studios = useReactorStudios();
const never = (): Promise<never> => new Promise(() => undefined);

describe('a reactor survives', () => {
  it('its own crash: another process gets what it had not acknowledged', async () => {
    const studio = await studios();
    await studio.createDurable(DURABLE, 500);
    const first = recorder(async (event) => (event.position === 1 ? DONE : never()), { ackWaitMs: 500 });
    const doomed = await studio.open();
    studio.serve([first.row], { log: doomed, drainMs: 0 });
    await studio.appendMany(3);
    await eventually(() => first.handled.length === 3, { what: 'the first process has all three' });
    await doomed.close(); // no drain: it says nothing to the server any more
    const second = recorder();
    studio.serve([second.row]);
    await eventually(() => second.handled.length === 2, { what: 'the second process got the two' });
    expect(
      second.handled
        .map(({ position, deliveries }) => `${position} for the ${deliveries}. time`)
        .sort((a, b) => a.localeCompare(b)),
    ).toEqual(['2 for the 2. time', '3 for the 2. time']);
  });

  it('its own drain: what is unfinished goes to another process at once, not after the ack wait', async () => {
    const studio = await studios();
    const ackWaitMs = 300_000; // longer than anything waits here
    await studio.createDurable(DURABLE, ackWaitMs);
    const aborted: number[] = [];
    const first = recorder(
      (event, { signal }) => {
        signal.addEventListener('abort', () => aborted.push(event.position));
        return event.position === 1
          ? never()
          : new Promise((resolve) =>
              signal.addEventListener('abort', () => resolve({ kind: 'retry', error: signal.reason })),
            );
      },
      { concurrency: 2, ackWaitMs },
    );
    const leaving = studio.serve([first.row], { log: await studio.open(), drainMs: 200 });
    await studio.appendMany(5);
    await eventually(() => first.handled.length === 2, { what: 'two are being handled and three wait' });
    await leaving.close();
    expect(aborted.sort((a, b) => a - b)).toEqual([1, 2]);
    expect(leaving.consumers()[0]).toMatchObject({ state: 'stopped', reason: null });
    const second = recorder(undefined, { ackWaitMs });
    studio.serve([second.row]);
    await eventually(() => second.handled.length === 5, { what: 'the second process got all five' });
    expect(second.positions().sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
  });

  it('its own drain in the middle of the last try: nothing is given up, another process tries once more', async () => {
    const studio = await studios();
    const ackWaitMs = 300_000; // longer than anything waits here
    await studio.createDurable(DURABLE, ackWaitMs);
    const first = recorder(
      (_event, { signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
      { maxDeliveries: 1, ackWaitMs },
    );
    const leaving = studio.serve([first.row], { log: await studio.open() });
    await studio.appendMany(1);
    await eventually(() => first.handled.length === 1, { what: 'it is being handled' });
    await leaving.close();
    expect(first.parked).toEqual([]);
    const second = recorder(undefined, { maxDeliveries: 1, ackWaitMs });
    studio.serve([second.row]);
    await eventually(() => second.handled.length === 1, { what: 'the second process got it' });
  });

  it('a log that is not there: says what to do, also where the durable is still awaited', async () => {
    const studio = await studios();
    const elsewhere = openLog({
      natsUrl: (await studio.nats.server()).url,
      name: 'test',
      stream: 'NOWHERE',
      root: 'nowhere',
    });
    const worker = recorder(undefined, { awaits: () => 'made a little later' });
    const service = studio.serve([worker.row], { log: elsewhere });
    await eventually(() => service.check().reason?.includes('the stream NOWHERE does not exist'), {
      what: 'it says so',
    });
    expect(service.check()).toMatchObject({ ok: false, reason: expect.stringContaining('npm run anime -- provision') });
    await service.close();
    await elsewhere.close();
    const here = studio.serve([worker.row]);
    await eventually(() => here.check().reason?.includes('made a little later'), { what: 'the durable is awaited' });
  });

  it('a durable that is not there: not ready, says what to do, and begins once it was made', async () => {
    const studio = await studios();
    await studio.appendMany(2);
    const worker = recorder();
    const service = studio.serve([worker.row]);
    const check = await eventually(
      () => !service.check().ok && service.consumers()[0]?.state === 'paused' && service.check(),
      { what: 'it waits' },
    );
    expect(check.reason).toContain('npm run anime -- consumers create worker --from-now|--from-start');
    await studio.createDurable();
    await eventually(() => worker.handled.length === 2, { what: 'both were handled' });
    expect(service.check()).toEqual({ ok: true, reason: null });
  });

  it('garbage on an event subject: void, acknowledged, and it goes on', async () => {
    const studio = await studios();
    await studio.createDurable();
    const worker = recorder();
    const service = studio.serve([worker.row]);
    const { port } = await studio.nats.server();
    const subject = `${studio.log.root}.job.${uuidv7()}.gateway`;
    for (const headerBlock of Object.values(GARBAGE_HEADERS)) {
      await studio.appendMany(1);
      for (const data of ['', 'garbage']) await publishRaw(port, { subject, headerBlock, data });
    }
    await studio.appendMany(1);
    const blocks = Object.keys(GARBAGE_HEADERS).length;
    await eventually(() => worker.handled.length === blocks + 1, { what: 'every event was handled' });
    await eventually(() => service.consumers()[0]?.lag === 0, { what: 'the garbage is acknowledged too' });
    expect(worker.handled.every(({ deliveries }) => deliveries === 1)).toBe(true);
    expect(service.consumers()).toMatchObject([{ state: 'running', skipped: { void: 2 * blocks } }]);
  });

  it('a log that cannot judge a message for a while: it says so, keeps the message and the order, and goes on', async () => {
    const studio = await studios();
    await studio.createDurable(DURABLE, 1_000);
    const log = await studio.open();
    const entryOf = log.entryOf.bind(log);
    let away = true;
    log.entryOf = (message, types) =>
      away && message.seq === 1 ? Promise.reject(new ProblemError('log-unavailable', 'away')) : entryOf(message, types);
    const worker = recorder(undefined, { orderingKey: (event) => event.aggregateId, ackWaitMs: 1_000 });
    const service = studio.serve([worker.row], { log });
    await studio.appendMany(5, uuidv7());
    await eventually(() => service.consumers()[0]?.state === 'paused', { what: 'it says so' });
    expect(service.check()).toEqual({ ok: false, reason: 'worker is paused: away' });
    away = false;
    await eventually(() => worker.handled.length === 5, { what: 'all were handled' });
    expect(worker.handled.map(({ position, deliveries }) => [position, deliveries])).toEqual(
      [1, 2, 3, 4, 5].map((position) => [position, 1]),
    );
    expect(service.check()).toEqual({ ok: true, reason: null });
  });

  it('kill -9 of the server in the middle of the work, and handles each event once', async () => {
    const studio = await studios();
    await studio.createDurable(DURABLE, 2_000);
    const worker = recorder(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        return DONE;
      },
      { ackWaitMs: 2_000, concurrency: 3 },
    );
    const service = studio.serve([worker.row]);
    await studio.appendMany(150);
    await eventually(() => worker.handled.length >= 40, { what: 'some were handled' });
    const server = await studio.nats.server();
    await server.kill();
    await eventually(() => service.consumers()[0]?.state === 'paused', { what: 'it noticed' });
    await server.restart();
    await eventually(() => new Set(worker.positions()).size === 150, { what: 'all were handled' });
    await eventually(() => service.consumers()[0]?.lag === 0 && service.check().ok, {
      what: 'everything is acknowledged',
    });
    expect(worker.handled).toHaveLength(150);
  });

  it('starts while the server is away and begins when it comes', async () => {
    const studio = await studios();
    await studio.createDurable();
    await studio.appendMany(1);
    const server = await studio.nats.server();
    await server.kill();
    const worker = recorder();
    const service = studio.serve([worker.row], { log: await studio.open() });
    expect(service.check().ok).toBe(false);
    await server.restart();
    await eventually(() => worker.handled.length === 1, { what: 'it was handled' });
  });

  const shape = { type: 'job.noted', aggregate: 'job', producer: 'gateway', description: 'a fixture' } as const;
  const NotedV1 = defineEvent({ ...shape, version: 1, data: z.strictObject({ text: z.string() }) });
  const NotedV2 = defineEvent({ ...shape, version: 2, data: z.strictObject({ words: z.array(z.string()) }) });
  const OLD = createCatalogue([...CATALOGUE.contracts, NotedV1], [...CATALOGUE.upcasters.values()]);
  const NEW = createCatalogue(
    [...CATALOGUE.contracts, NotedV1, NotedV2],
    [...CATALOGUE.upcasters.values(), defineUpcaster(NotedV1, NotedV2, ({ text }) => ({ words: [text] }))],
  );

  it('an event of its own type that is newer than it knows: it pauses, names it and leaves it to a newer build', async () => {
    const studio = await studios();
    await studio.createDurable();
    const writer = await studio.open(NEW);
    let releases = 0;
    const release = async (): Promise<void> => void (releases += 1);
    const old = recorder(undefined, { events: [JobCancelRequestedV2, NotedV1], release });
    const service = studio.serve([old.row], { log: await studio.open(OLD) });
    await studio.appendMany(2);
    await writer.append(testEvent(NotedV2, uuidv7(), { words: ['new'] }));
    await eventually(() => service.consumers()[0]?.state === 'paused', { what: 'it pauses' });
    await eventually(() => releases === 1, { what: 'another process may do its work' });
    expect(service.check()).toMatchObject({
      ok: false,
      reason: expect.stringContaining('position 3 holds job.noted.v2'),
    });
    await studio.appendMany(1);
    const build = recorder(undefined, { events: [JobCancelRequestedV2, NotedV2] });
    studio.serve([build.row], { log: await studio.open(NEW) });
    await eventually(() => build.handled.length === 2, { what: 'the newer build handled the rest' });
    expect(old.positions().sort((a, b) => a - b)).toEqual([1, 2]);
    expect(build.positions().sort((a, b) => a - b)).toEqual([3, 4]);
    expect(service.consumers()[0]?.state).toBe('paused');
  });
});

describe('a projection row', () => {
  it('reads on over kill -9 of the server and a restart of its own without gap or repeat', async () => {
    const studio = await studios();
    const written: number[] = [];
    let checkpoint: Checkpoint = { position: 0, eventId: '' };
    const row: ProjectionRow = {
      kind: 'projection',
      name: 'model',
      events: [JobCancelRequestedV2],
      maxBatch: 7,
      loadCheckpoint: async () => checkpoint,
      onBatch: async (batch: Batch) => {
        written.push(...batch.entries.map((entry) => entry.position));
        checkpoint = batch.checkpoint;
      },
    };
    const readsTo = (position: number) =>
      eventually(() => checkpoint.position === position, { what: `it has read to ${position}` });
    const first = studio.serve([row], { log: await studio.open() });
    await studio.appendMany(60);
    await readsTo(60);
    const server = await studio.nats.server();
    await server.kill();
    await server.restart();
    await eventually(() => studio.appendMany(1).then(() => true), { what: 'the log takes events again' });
    await studio.appendMany(59);
    await readsTo(120);
    expect(first.check()).toEqual({ ok: true, reason: null });
    await first.close();
    await studio.appendMany(30);
    expect(checkpoint.position).toBe(120);
    const second = studio.serve([row], { log: await studio.open() });
    await readsTo(150);
    expect(written).toEqual(Array.from({ length: 150 }, (_, i) => i + 1));
    expect(second.consumers()).toMatchObject([{ state: 'running', position: 150, lag: 0 }]);
  });

  it('is ready while it stands by for another process, and says so', async () => {
    const studio = await studios();
    const other = Promise.withResolvers<void>();
    const row: ProjectionRow = {
      kind: 'projection',
      name: 'model',
      events: [JobCancelRequestedV2],
      loadCheckpoint: async ({ standby }) => {
        standby(4);
        await other.promise;
        return { position: 0, eventId: '' };
      },
      onBatch: async () => undefined,
    };
    const service = studio.serve([row], { log: await studio.open() });
    await eventually(() => service.consumers()[0]?.state === 'standby', { what: 'it stands by' });
    expect(service.consumers()).toMatchObject([{ state: 'standby', position: 4 }]);
    expect(service.check()).toEqual({ ok: true, reason: expect.stringMatching(/^model is standby: another process/) });
    other.resolve();
    await eventually(() => service.check().reason === null, { what: 'it runs' });
  });
});
