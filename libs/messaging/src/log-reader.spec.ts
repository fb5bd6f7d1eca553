import { afterEach, describe, expect, it } from '@jest/globals';
import {
  CATALOGUE,
  createCatalogue,
  defineEvent,
  defineUpcaster,
  JobCancelRequestedV1,
  JobFailedV1,
  type EventContract,
} from '@anime/contracts';
import { uuidv7, type Batch, type Checkpoint, type EventLog, type FollowOptions } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { ProblemError } from '@anime/problem-details';
import { eventually } from '@anime/testing';
import { z } from 'zod';
import type { ConsumerStatus, LoadContext, ProcessRow, ProjectionRow } from './consumer-table.js';
import { LogReader } from './log-reader.js';

const shape = { type: 'job.noted', aggregate: 'job', producer: 'gateway', description: 'a fixture' } as const;
const NotedV1 = defineEvent({ ...shape, version: 1, data: z.strictObject({ text: z.string() }) });
const NotedV2 = defineEvent({ ...shape, version: 2, data: z.strictObject({ words: z.array(z.string()) }) });
const OLD = createCatalogue([...CATALOGUE.contracts, NotedV1]);
const NEW = createCatalogue(
  [...CATALOGUE.contracts, NotedV1, NotedV2],
  [defineUpcaster(NotedV1, NotedV2, ({ text }) => ({ words: [text] }))],
);
const START: Checkpoint = { position: 0, eventId: '' };
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A read-model in memory: what was written, with the checkpoint of the same transaction. */
class Model {
  written: number[] = [];
  checkpoint = START;
  fault: ((batch: Batch) => void) | undefined;
  away: Error | undefined;
  loads = 0;
  /** Holds the work, at that position, until it ends. */
  other: { readonly position: number; readonly ended: Promise<void> } | undefined;

  async load({ standby }: LoadContext): Promise<Checkpoint> {
    this.loads += 1;
    if (this.away !== undefined) throw this.away;
    if (this.other !== undefined) {
      standby(this.other.position);
      await this.other.ended;
    }
    return this.checkpoint;
  }
  async write(batch: Batch): Promise<void> {
    this.fault?.(batch);
    expect(batch.checkpoint.position).toBeGreaterThanOrEqual(this.checkpoint.position);
    this.written.push(...batch.entries.filter((entry) => entry.status === 'event').map((entry) => entry.position));
    this.checkpoint = batch.checkpoint;
  }
}

const REPAIR = 'npm run rebuild -w @anime/model';

/** Counts how often somebody began to read. */
class CountingLog extends MemoryLog {
  follows = 0;

  override follow(options: FollowOptions): Promise<void> {
    this.follows += 1;
    return super.follow(options);
  }
}

interface Reading {
  status(): ConsumerStatus;
  readonly skipped: string[];
  stop(): Promise<void>;
}

function read(log: EventLog, model: Model, events: readonly EventContract[] = [JobCancelRequestedV1]): Reading {
  return readRow(log, {
    kind: 'projection',
    name: 'model',
    events,
    repair: REPAIR,
    loadCheckpoint: (context) => model.load(context),
    onBatch: (batch) => model.write(batch),
  });
}

function readRow(log: EventLog, row: ProjectionRow | ProcessRow): Reading {
  const abort = new AbortController();
  const skipped: string[] = [];
  const reader = new LogReader({
    log,
    row,
    deliver: (batch) => row.onBatch(batch),
    lookAgainMs: 20,
    logger: quiet,
    observer: { handled: () => undefined, skipped: (_consumer, status) => void skipped.push(status) },
  });
  const run = reader.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await run;
  };
  stops.push(stop);
  return { status: () => reader.status(), skipped, stop };
}

async function put(log: MemoryLog, count = 1): Promise<void> {
  for (let i = 0; i < count; i += 1) await append(log, JobCancelRequestedV1, {});
}
const append = (log: MemoryLog, contract: EventContract, data: unknown) =>
  log.append({
    contract,
    aggregateId: uuidv7(),
    id: uuidv7(),
    time: '2026-01-01T00:00:00.000Z',
    correlationId: uuidv7(),
    actor: 'service:gateway',
    data,
  });
const reaches = (reader: { status(): ConsumerStatus }, state: ConsumerStatus['state']) =>
  eventually(() => reader.status().state === state && reader.status(), { what: `the reader is ${state}` });
const readsTo = (model: Model, position: number) =>
  eventually(() => model.checkpoint.position === position, { what: `the model has read to ${position}` });

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

  it('stops at a checkpoint of another log, names the command that mends it, and leaves the log alone', async () => {
    const log = new CountingLog();
    await put(log, 3);
    const model = new Model();
    model.checkpoint = { position: 2, eventId: uuidv7() };
    const reader = read(log, model);
    const states = new Set<string>();
    await eventually(() => states.add(reader.status().state) && model.loads >= 5, {
      what: 'it looked again and again',
    });
    expect([...states].filter((state) => state !== 'starting')).toEqual(['stopped']);
    expect(reader.status().reason).toContain(REPAIR);
    expect([log.follows, model.written]).toEqual([1, []]);
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
    const log = new CountingLog();
    await put(log, 3);
    let folded: number[] = [];
    const refusals: (number | undefined)[] = [];
    const reader = readRow(log, {
      kind: 'process',
      name: 'fold',
      events: [JobCancelRequestedV1],
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
    expect([refusals, log.follows]).toEqual([[undefined, 3], 2]);
    expect(await reaches(reader, 'running')).toMatchObject({ reason: null, position: 5 });
  });

  it('stops when a process gives the refused place again, and says that the service must be started again', async () => {
    const log = new CountingLog();
    await put(log, 3);
    let loads = 0;
    const place = { position: 2, eventId: uuidv7() };
    const reader = readRow(log, {
      kind: 'process',
      name: 'stubborn',
      events: [JobCancelRequestedV1],
      loadCheckpoint: async () => ((loads += 1), place),
      onBatch: async () => undefined,
    });
    expect((await reaches(reader, 'stopped')).reason).toMatch(/start the service again/);
    await eventually(() => loads >= 4, { what: 'it looked again' });
    expect(log.follows).toBe(1);
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
    const reader = read(log.withCatalogue(OLD), model, [JobCancelRequestedV1, NotedV1]);
    const status = await reaches(reader, 'paused');
    expect(status.reason).toMatch(/position 4 holds job\.noted\.v2, which is newer/);
    expect(model.written).toEqual([1, 2]);
    expect(model.checkpoint.position).toBe(2);
    const later = new Model();
    later.checkpoint = model.checkpoint;
    read(log, later, [JobCancelRequestedV1, NotedV2]); // the build that was deployed after that
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
  });
});
