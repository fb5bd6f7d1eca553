import { afterEach, describe, expect, it } from '@jest/globals';
import {
  CATALOGUE,
  createCatalogue,
  defineEvent,
  defineUpcaster,
  JobCancelRequestedV2,
  JobFailedV1,
} from '@anime/contracts';
import { MemoryLog } from '@anime/event-store/memory';
import { ProblemError } from '@anime/problem-details';
import { eventually } from '@anime/testing';
import { z } from 'zod';
import { append, Model, put, reaches, read, readsTo, START, stopReading } from './testing/reader-studio.js';

const shape = { type: 'job.noted', aggregate: 'job', producer: 'gateway', description: 'a fixture' } as const;
const NotedV1 = defineEvent({ ...shape, version: 1, data: z.strictObject({ text: z.string() }) });
const NotedV2 = defineEvent({ ...shape, version: 2, data: z.strictObject({ words: z.array(z.string()) }) });
const OLD = createCatalogue([...CATALOGUE.contracts, NotedV1], [...CATALOGUE.upcasters.values()]);
const NEW = createCatalogue(
  [...CATALOGUE.contracts, NotedV1, NotedV2],
  [...CATALOGUE.upcasters.values(), defineUpcaster(NotedV1, NotedV2, ({ text }) => ({ words: [text] }))],
);

afterEach(stopReading);

describe('a reader of the log', () => {
  it('reads everything once and in order, and goes on with what comes', async () => {
    const log = new MemoryLog();
    await put(log, 5);
    const model = new Model();
    const reader = read(log, model);
    await readsTo(model, 5);
    await put(log, 2);
    await readsTo(model, 7);
    expect(model.written).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(reader.status()).toMatchObject({ state: 'running', reason: null, position: 7, lag: 0 });
  });

  it('pauses with the reason while its database is away, and goes on by itself', async () => {
    const log = new MemoryLog();
    await put(log, 2);
    const model = new Model();
    model.away = new Error('connect ECONNREFUSED');
    const reader = read(log, model);
    expect((await reaches(reader, 'paused')).reason).toBe('connect ECONNREFUSED');
    model.away = undefined;
    await readsTo(model, 2);
    expect(reader.status()).toMatchObject({ state: 'running', reason: null });
  });

  it('loads the checkpoint anew after a failed batch, and neither leaves out nor repeats an event', async () => {
    const log = new MemoryLog();
    await put(log, 3);
    const model = new Model();
    const reader = read(log, model);
    await readsTo(model, 3);
    let failures = 0;
    model.fault = (batch) => {
      if (batch.checkpoint.position < 5) return;
      failures += 1;
      throw new Error(`deadlock ${failures}`);
    };
    await put(log, 3);
    await eventually(() => failures >= 2, { what: 'the batch failed twice' });
    expect(reader.status()).toMatchObject({ state: 'paused', reason: expect.stringContaining('deadlock') });
    const loads = model.loads;
    expect(loads).toBeGreaterThanOrEqual(2);
    model.fault = undefined;
    await readsTo(model, 6);
    expect(model.written).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('asks anew where to read on when the row has lost its connection, though nothing happens in the log', async () => {
    const log = new MemoryLog();
    await put(log, 2);
    const model = new Model();
    const reader = read(log, model);
    await readsTo(model, 2);
    const before = model.loads;
    model.away = new Error('connect ECONNREFUSED');
    model.written = [];
    model.checkpoint = START; // the server came back without what it had not yet on disk
    const reason = new Error('Connection terminated unexpectedly');
    model.lose(reason);
    await reaches(reader, 'paused');
    await eventually(() => model.loads > before, { what: 'it asked again' });
    model.away = undefined;
    await readsTo(model, 2);
    expect(await reaches(reader, 'running')).toMatchObject({ reason: null, position: 2 });
    expect(model.written).toEqual([1, 2]);
    expect(reader.warnings).toContain(reason);
  });

  it('stands by while another process does the work, and takes over from it', async () => {
    const log = new MemoryLog();
    await put(log, 3);
    const model = new Model();
    const other = Promise.withResolvers<void>();
    model.other = { position: 2, ended: other.promise };
    const reader = read(log, model);
    expect(await reaches(reader, 'standby')).toMatchObject({ position: 2, reason: expect.stringContaining('another') });
    expect(model.written).toEqual([]);
    other.resolve();
    await readsTo(model, 3);
    expect(await reaches(reader, 'running')).toMatchObject({ reason: null, position: 3 });
  });

  it('stops at an event of its own type that is newer than it knows, after what came before', async () => {
    const log = new MemoryLog({ catalogue: NEW });
    await put(log, 2);
    await log.putRaw({ subject: 'anime.job.x.gateway', data: 'garbage' });
    await append(log, NotedV2, { words: ['new'] });
    await put(log, 1);
    const model = new Model();
    const reader = read(log.withCatalogue(OLD), model, [JobCancelRequestedV2, NotedV1]);
    const status = await reaches(reader, 'paused');
    expect(status.reason).toMatch(/position 4 holds job\.noted\.v2, which is newer/);
    expect(model.written).toEqual([1, 2]);
    expect(model.checkpoint.position).toBe(2);
    // So that another process, of a newer build, can take over.
    await eventually(() => model.releases === 1, { what: 'the row was released' });
    const later = new Model();
    later.checkpoint = model.checkpoint;
    read(log, later, [JobCancelRequestedV2, NotedV2]); // the build that was deployed after that
    await readsTo(later, 5);
    expect(later.written).toEqual([4, 5]);
  });

  it('passes over a newer version of a type that is not its own, garbage and unknown types, and counts them', async () => {
    const log = new MemoryLog({ catalogue: NEW });
    await append(log, NotedV2, { words: ['new'] });
    await log.putRaw({ subject: 'anime.job.x.gateway', data: 'garbage' });
    await put(log, 1);
    const model = new Model();
    const reader = read(log.withCatalogue(OLD), model);
    await readsTo(model, 3);
    expect(reader.status().skipped).toEqual({ void: 1, unknown: 0, newer: 1, fenced: 0 });
    expect(reader.skipped).toEqual(['newer', 'void']);
    const other = read(log.withCatalogue(CATALOGUE), new Model());
    await eventually(() => other.status().skipped.unknown === 1, { what: 'the unknown type was counted' });
  });

  it('pauses with the reason for any error, and is stopped without one when it is told to', async () => {
    const log = new MemoryLog();
    await put(log, 1);
    const model = new Model();
    model.fault = () => {
      throw new ProblemError('event-invalid', 'a bug of this build');
    };
    const reader = read(log, model, [JobFailedV1]);
    expect((await reaches(reader, 'paused')).reason).toBe('a bug of this build');
    await reader.stop();
    expect(reader.status()).toMatchObject({ state: 'stopped', reason: null });
    expect(model.releases).toBe(1);
  });
});
