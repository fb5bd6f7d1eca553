import { afterEach, describe, expect, it } from '@jest/globals';
import { JobCancelRequestedV2 } from '@anime/contracts';
import { uuidv7 } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { ProblemError } from '@anime/problem-details';
import { eventually } from '@anime/testing';
import {
  AskedLog,
  Model,
  put,
  reaches,
  read,
  readRow,
  readsTo,
  REPAIR,
  START,
  stopReading,
} from './testing/reader-studio.js';

afterEach(stopReading);

describe('a reader whose checkpoint does not belong to the log', () => {
  it('stops at a checkpoint of another log, names the command that mends it, and stays so while it asks again', async () => {
    const log = new AskedLog();
    await put(log, 3);
    const model = new Model();
    model.checkpoint = { position: 2, eventId: uuidv7() };
    const reader = read(log, model);
    const states: string[] = [];
    log.onAsked = () => states.push(reader.status().state);
    await eventually(() => states.length >= 5, { what: 'it asked again and again' });
    expect([...new Set(states.slice(1))]).toEqual(['stopped']);
    expect(reader.status()).toMatchObject({ state: 'stopped', reason: expect.stringContaining(REPAIR) });
    expect([model.written, reader.errors.length]).toEqual([[], 1]);
  });

  it('goes on by itself, and would tell it again, when the log that was read is put back and no event comes', async () => {
    const log = new MemoryLog();
    const events = await put(log, 3);
    const model = new Model();
    const reader = read(log, model);
    await readsTo(model, 3);
    for (let time = 1; time <= 2; time += 1) {
      log.restoreTo(1);
      await reaches(reader, 'stopped');
      expect(reader.errors).toHaveLength(time);
      for (const event of events.slice(1)) await log.append(event);
      expect(await reaches(reader, 'running')).toMatchObject({ reason: null, position: 3, lag: 0 });
    }
    expect(model.written).toEqual([1, 2, 3]);
  });

  it('goes on by itself when its rows were built anew to the same position', async () => {
    const log = new AskedLog();
    await put(log, 3);
    const model = new Model();
    const reader = read(log, model);
    await readsTo(model, 3);
    log.restoreTo(1);
    const [, last] = await put(log, 2);
    await reaches(reader, 'stopped');
    const states: string[] = [];
    log.onAsked = () => states.push(reader.status().state);
    model.checkpoint = { position: 3, eventId: last?.id ?? '' };
    expect(await reaches(reader, 'running')).toMatchObject({ reason: null, position: 3, lag: 0 });
    expect(states.at(-1)).toBe('starting'); // no more the place that the log had refused
    await put(log);
    await readsTo(model, 4);
  });

  it('forgets the refused place once it has read behind another one', async () => {
    const log = new MemoryLog();
    await put(log, 3);
    const model = new Model();
    read(log, model);
    await readsTo(model, 3);
    const refused = model.checkpoint;
    log.restoreTo(1);
    await eventually(() => model.refusals.at(-1) !== undefined, { what: 'it was asked with the refused place' });
    expect(model.refusals.at(-1)).toEqual(refused);
    model.checkpoint = START;
    await readsTo(model, 1);
    model.lose(new Error('the connection is lost'));
    await eventually(() => model.refusals.at(-1) === undefined, { what: 'it was asked without any' });
  });

  it('goes on by itself once its rows were built anew, also when its database was away meanwhile', async () => {
    const log = new MemoryLog();
    await put(log, 3);
    const model = new Model();
    const reader = read(log, model);
    await readsTo(model, 3);
    log.restoreTo(1);
    await reaches(reader, 'stopped');
    model.away = new Error('connect ECONNREFUSED');
    await reaches(reader, 'paused');
    model.away = undefined;
    expect((await reaches(reader, 'stopped')).reason).toContain(REPAIR);
    await put(log, 3);
    model.written = [1, 2];
    for await (const entry of log.read({ after: 1, to: 2 })) {
      if (entry.status === 'event') model.checkpoint = { position: 2, eventId: entry.event.id };
    }
    await readsTo(model, 4);
    expect(model.written).toEqual([1, 2, 3, 4]);
    expect(await reaches(reader, 'running')).toMatchObject({ reason: null, position: 4, lag: 0 });
  });

  it('waits the same way for rows of another version, which the row itself refuses', async () => {
    const log = new MemoryLog();
    await put(log, 2);
    const model = new Model();
    model.away = new ProblemError('checkpoint-mismatch', 'the tables were filled by version 1');
    const reader = read(log, model);
    expect((await reaches(reader, 'stopped')).reason).toBe(`the tables were filled by version 1: ${REPAIR}`);
    model.away = undefined;
    await readsTo(model, 2);
    expect(await reaches(reader, 'running')).toMatchObject({ reason: null });
  });

  it('lets a process begin anew from its own start when the log is another one, without any command', async () => {
    const log = new MemoryLog();
    await put(log, 3);
    let folded: number[] = [];
    const refusals: (number | undefined)[] = [];
    const reader = readRow(log, {
      kind: 'process',
      name: 'fold',
      events: [JobCancelRequestedV2],
      loadCheckpoint: async ({ refused }) => {
        refusals.push(refused?.position);
        folded = [];
        return START;
      },
      onBatch: async ({ entries }) => void folded.push(...entries.map((entry) => entry.position)),
    });
    await eventually(() => folded.length === 3, { what: 'it has read all' });
    log.restoreTo(2);
    await put(log, 3);
    await eventually(() => folded.length === 5, { what: 'it has read all of the other log' });
    expect(folded).toEqual([1, 2, 3, 4, 5]);
    expect(refusals).toEqual([undefined, 3]);
    expect(await reaches(reader, 'running')).toMatchObject({ reason: null, position: 5 });
  });

  it('stops when a process gives the refused place again, and says that the service must be started again', async () => {
    const log = new MemoryLog();
    await put(log, 3);
    let loads = 0;
    const place = { position: 2, eventId: uuidv7() };
    const reader = readRow(log, {
      kind: 'process',
      name: 'stubborn',
      events: [JobCancelRequestedV2],
      loadCheckpoint: async () => ((loads += 1), place),
      onBatch: async () => undefined,
    });
    expect((await reaches(reader, 'stopped')).reason).toMatch(/start the service again/);
    await eventually(() => loads >= 4, { what: 'it looked again' });
    expect([reader.status().state, reader.errors.length]).toEqual(['stopped', 1]);
  });
});
