import { setTimeout as delay } from 'node:timers/promises';
import { eventually, useNats } from '@anime/testing';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Batch, Checkpoint } from '../event-log.js';
import type { NewEvent } from '../event.js';
import { collect } from '../testing/collect.js';
import { START } from '../testing/conformance/follow-all.js';
import { assigned, cancelRequested, outline, termStarted } from '../testing/conformance/samples.js';
import { consumers } from '../testing/jetstream/following.js';
import { useStudios } from '../testing/jetstream/studio.js';
import type { JetStreamLog } from './jetstream-log.js';

const nats = useNats();
const newStudio = useStudios(nats);

const SEED = 20_261;
const EVENTS = 300;

/** What a follower does with a batch: takes so many ms, throws, or is stopped meanwhile. */
type Deed = number | 'throw' | 'stop';

const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 14, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 400, max: 1_000 }) },
  { weight: 1, arbitrary: fc.constantFrom<Deed>('throw', 'stop') },
);
const plan = fc.record({
  maxBatch: fc.integer({ min: 1, max: 60 }),
  deeds: fc.array(deed, { minLength: 100, maxLength: 100 }),
});
const event: fc.Arbitrary<() => NewEvent> = fc.oneof(
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 9 }).map((epoch) => () => termStarted(epoch)) },
  {
    weight: 4,
    arbitrary: fc.record({ attempt: fc.integer({ min: 1, max: 5 }), epoch: fc.integer({ min: 1, max: 9 }) }).map(
      ({ attempt, epoch }) =>
        () =>
          assigned(attempt, epoch),
    ),
  },
  { weight: 4, arbitrary: fc.constant(() => cancelRequested()) },
);

/** Follows as a reader of a service does: begins again where it was when its handler has thrown, or when it was stopped. */
class Persistent {
  readonly seen: string[] = [];
  readonly faults: string[] = [];
  caughtUp = false;
  readonly #quit = new AbortController();
  readonly #running: Promise<void>;
  #at: Checkpoint = START;
  #batches = 0;
  #handling = false;

  constructor(
    log: JetStreamLog,
    readonly together: boolean,
    private readonly plan: { readonly maxBatch: number; readonly deeds: readonly Deed[] },
  ) {
    this.#running = this.#run(log);
  }

  get position(): number {
    return this.#at.position;
  }

  quit(): Promise<void> {
    this.#quit.abort();
    return this.#running;
  }

  async #run(log: JetStreamLog): Promise<void> {
    while (!this.#quit.signal.aborted) {
      const stop = new AbortController();
      const signal = AbortSignal.any([stop.signal, this.#quit.signal]);
      try {
        await log.follow({
          after: this.#at,
          signal,
          together: this.together,
          maxBatch: this.plan.maxBatch,
          onBatch: (batch) => this.#handle(batch, stop),
        });
      } catch (error) {
        if (!(error instanceof Error) || error.message !== 'as planned') this.faults.push(String(error));
      }
      if (this.#handling) this.faults.push('it ended before its handler had');
    }
  }

  async #handle({ entries, checkpoint, caughtUp }: Batch, stop: AbortController): Promise<void> {
    if (this.#handling) this.faults.push('two batches at once');
    if (entries.length > this.plan.maxBatch) this.faults.push('too many at once');
    this.#handling = true;
    const what = this.plan.deeds[this.#batches % this.plan.deeds.length] ?? 0;
    this.#batches += 1;
    try {
      await delay(typeof what === 'number' ? what : 1);
      if (what === 'throw') throw new Error('as planned');
      if (what === 'stop') stop.abort();
      this.seen.push(...outline(entries));
      this.#at = checkpoint;
      this.caughtUp = caughtUp;
    } finally {
      this.#handling = false;
    }
  }
}

describe('followers that are slow, fail, end and begin again, while nats-server is killed twice', () => {
  it(`are each handed the log as it is, once and in order (seed ${SEED})`, async () => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown): void => void rejections.push(reason);
    process.on('unhandledRejection', onRejection);
    const studio = await newStudio();
    const log = studio.open({ name: 'together' });
    const events = fc.sample(event, { seed: SEED, numRuns: EVENTS }).map((make) => make());
    const append = async (some: readonly NewEvent[]): Promise<void> => {
      for (const one of some) await eventually(() => log.append(one), { what: 'it is appended' });
    };
    await append(events.slice(0, EVENTS / 2));
    const plans = fc.sample(plan, { seed: SEED, numRuns: 7 });
    const followers = plans.map((one, n) => new Persistent(log, n > 0, one));
    const writing = append(events.slice(EVENTS / 2));
    const server = await nats.server();
    for (const position of [60, 160]) {
      await eventually(() => followers.some((one) => one.position > position), { what: `one has passed ${position}` });
      await server.kill();
      await server.restart();
    }
    await writing;
    const { length: end } = await collect(log.read({ after: 0 }));
    const isThere = (one: Persistent): boolean => one.position === end && one.caughtUp;
    await eventually(() => followers.every(isThere), { what: 'all have read all', timeoutMs: 60_000 });
    // Those who read together have one consumer when nobody is late, and the other one has its own.
    const again = async (): Promise<boolean> => {
      await log.append(cancelRequested());
      return (await consumers({ ...studio, nc: await nats.connection() })).length === 2;
    };
    await eventually(again, { what: 'they read together', intervalMs: 300 });
    const expected = outline(await collect(log.read({ after: 0 })));
    await eventually(() => followers.every(({ seen }) => seen.length >= expected.length), {
      what: 'all have read all',
    });
    for (const { seen, faults } of followers) {
      expect(seen).toEqual(expected);
      expect(faults).toEqual([]);
    }
    expect(expected.filter((line) => line.endsWith('fenced')).length).toBeGreaterThan(10);
    await Promise.all(followers.map((one) => one.quit()));
    process.off('unhandledRejection', onRejection);
    expect(rejections).toEqual([]);
  }, 120_000);
});
