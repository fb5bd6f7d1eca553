import { JobCancelRequestedV2, type EventContract } from '@anime/contracts';
import {
  uuidv7,
  type Batch,
  type Checkpoint,
  type EventLog,
  type FollowOptions,
  type NewEvent,
} from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { eventually } from '@anime/testing';
import type { ConsumerStatus, LoadContext, ProcessRow, ProjectionRow } from '../consumer-table.js';
import { LogReader } from '../log-reader.js';

export const START: Checkpoint = { position: 0, eventId: '' };

const stops: (() => Promise<void>)[] = [];

/** Ends all that was read; for afterEach. */
export async function stopReading(): Promise<void> {
  for (const stop of stops.splice(0)) await stop();
}

/** A read-model in memory: what was written, with the checkpoint of the same transaction. */
export class Model {
  written: number[] = [];
  checkpoint = START;
  fault: ((batch: Batch) => void) | undefined;
  away: Error | undefined;
  loads = 0;
  releases = 0;
  refusals: (Checkpoint | undefined)[] = [];
  lose: (reason: unknown) => void = () => undefined;
  /** Holds the work, at that position, until it ends. */
  other: { readonly position: number; readonly ended: Promise<void> } | undefined;

  async load({ standby, refused, lost }: LoadContext): Promise<Checkpoint> {
    this.loads += 1;
    this.refusals.push(refused);
    this.lose = lost;
    if (this.away !== undefined) throw this.away;
    if (this.other !== undefined) {
      standby(this.other.position);
      await this.other.ended;
    }
    return this.checkpoint;
  }
  async write(batch: Batch): Promise<void> {
    this.fault?.(batch);
    if (batch.checkpoint.position < this.checkpoint.position) throw new Error('the reader went back');
    this.written.push(...batch.entries.filter((entry) => entry.status === 'event').map((entry) => entry.position));
    this.checkpoint = batch.checkpoint;
  }
}

export const REPAIR = 'npm run rebuild -w @anime/model';

/** Calls back whenever somebody begins to read. */
export class AskedLog extends MemoryLog {
  onAsked: () => void = () => undefined;

  override follow(options: FollowOptions): Promise<void> {
    this.onAsked();
    return super.follow(options);
  }
}

export interface Reading {
  status(): ConsumerStatus;
  readonly skipped: string[];
  /** What it told as errors, and why it paused. */
  readonly errors: string[];
  readonly warnings: unknown[];
  stop(): Promise<void>;
}

/** Reads for a model, as a projection whose rows are stored. */
export function read(log: EventLog, model: Model, events: readonly EventContract[] = [JobCancelRequestedV2]): Reading {
  return readRow(log, {
    kind: 'projection',
    name: 'model',
    events,
    repair: REPAIR,
    loadCheckpoint: (context) => model.load(context),
    onBatch: (batch) => model.write(batch),
    release: async () => void (model.releases += 1),
  });
}

/** Runs a reader that looks again soon. */
export function readRow(
  log: EventLog,
  row: ProjectionRow | ProcessRow,
  onWarning: () => void = () => undefined,
): Reading {
  const abort = new AbortController();
  const skipped: string[] = [];
  const errors: string[] = [];
  const warnings: unknown[] = [];
  const reader = new LogReader({
    log,
    stream: 'memory',
    row,
    deliver: (batch) => row.onBatch(batch),
    lookAgainMs: 20,
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: ({ err }: { readonly err?: unknown }) => {
        warnings.push(err);
        onWarning();
      },
      error: (_context, message) => void errors.push(message),
    },
    observer: { handled: () => undefined, skipped: (_consumer, status) => void skipped.push(status) },
  });
  const run = reader.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await run;
  };
  stops.push(stop);
  return { status: () => reader.status(), skipped, errors, warnings, stop };
}

/** Appends events that the model counts. */
export async function put(log: MemoryLog, count = 1): Promise<NewEvent[]> {
  const events = Array.from({ length: count }, () => eventOf(JobCancelRequestedV2, { reason: null }));
  for (const event of events) await log.append(event);
  return events;
}
export const append = (log: MemoryLog, contract: EventContract, data: unknown) => log.append(eventOf(contract, data));
const eventOf = (contract: EventContract, data: unknown): NewEvent => ({
  contract,
  aggregateId: uuidv7(),
  id: uuidv7(),
  time: '2026-01-01T00:00:00.000Z',
  correlationId: uuidv7(),
  actor: 'service:gateway',
  data,
});
export const reaches = (reader: { status(): ConsumerStatus }, state: ConsumerStatus['state']) =>
  eventually(() => reader.status().state === state && reader.status(), { what: `the reader is ${state}` });
export const readsTo = (model: Model, position: number) =>
  eventually(() => model.checkpoint.position === position, { what: `the model has read to ${position}` });
