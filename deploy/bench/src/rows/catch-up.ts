import { setTimeout as delay } from 'node:timers/promises';
import { EVENTS_STREAM } from '@anime/contracts';
import pg from 'pg';
import { atLeast, atLeastTimesBaseline, atMost } from '../figure.js';
import { LoadProcess } from '../load-process.js';
import type { FillAnswer, FillAsk } from '../load/fill.js';
import { pss } from '../memory.js';
import { rawConsume, rawUpsert } from '../raw/raw-reader.js';
import { readModelPosition } from '../positions.js';
import type { BenchContext, BenchRow, Measured } from '../row.js';
import { best, percentile } from '../statistics.js';
import { BenchStudio } from '../studio.js';

const MIB = 2 ** 20;
const EVENTS_PER_JOB = 12;
const POLL_MS = 250;
const STUCK_MS = 120_000;

interface Sample {
  readonly ms: number;
  readonly position: number;
  readonly bytes: number | undefined;
}

export const catchUp: BenchRow = {
  name: 'catch-up',
  about:
    "the gateway's read-models from an empty database to the end of a long log, against raw consume and raw upsert",
  run: async (context) => {
    const events = context.quick ? 60_000 : 1_020_000;
    // Reading is measured: that the log is filled without syncing each write changes nothing of it.
    await using studio = await BenchStudio.start(context, { syncAlways: false, postgres: true });
    context.step(`storing ${events} events`);
    await using filler = new LoadProcess<FillAsk, FillAnswer>('fill');
    await filler.ask({ natsUrl: studio.nats.url, jobs: events / EVENTS_PER_JOB });
    const raw: Baselines = { consume: [], upsert: [] };
    await measureBaselines(context, studio, raw);
    context.step('the gateway reads it all');
    const samples = await watchCatchUp(context, studio, events);
    await measureBaselines(context, studio, raw);
    const [consume, upsert] = [best(raw.consume, 'more'), best(raw.upsert, 'more')];
    const window = context.quick ? 2_000 : 10_000;
    const fastest = Math.round(best(ratesOf(samples, window), 'more'));
    return [
      {
        what: 'events into every read-model, over all',
        unit: 'events/s',
        value: rateBetween(samples[0], samples.at(-1)),
        baseline: consume < upsert ? { what: 'raw consume', value: consume } : { what: 'raw upsert', value: upsert },
        budgets: [atLeastTimesBaseline(0.4), atLeast(10_000)],
        note: `${fastest} events/s in its best ${window / 1_000} s; raw consume ${Math.round(consume)}/s, raw upsert ${Math.round(upsert)}/s`,
      },
      memoryFigure(samples, events),
    ];
  },
};

interface Baselines {
  readonly consume: number[];
  readonly upsert: number[];
}

/** Before and after the product, which is one long window. */
async function measureBaselines(context: BenchContext, studio: BenchStudio, found: Baselines): Promise<void> {
  const [windows, amount] = context.quick ? [1, 30_000] : [2, 100_000];
  for (let window = 1; window <= windows; window += 1) {
    context.step(`raw consume and raw upsert, window ${window} of ${windows}`);
    found.consume.push(await rawConsume(studio.nats.url, EVENTS_STREAM, amount));
    found.upsert.push(await rawUpsert(studio.postgres.url(), amount));
  }
}

/**
 * Asks the checkpoints and the gateway's memory again and again until all is read; begins with the first events written. The
 * gateway is ended then.
 * @throws Error with what the gateway said last, when it ends or reads nothing for two minutes
 */
async function watchCatchUp(context: BenchContext, studio: BenchStudio, end: number): Promise<Sample[]> {
  const gateway = await studio.service('gateway', 'listening');
  const client = new pg.Client({ connectionString: studio.postgres.url() });
  await client.connect();
  const samples: Sample[] = [];
  let told = 0;
  let moved = performance.now();
  try {
    for (let position = 0; position < end; await delay(POLL_MS)) {
      const before = position;
      position = await readModelPosition(client);
      if (position > before) moved = performance.now();
      if (performance.now() - moved > STUCK_MS)
        throw new Error(`the gateway reads nothing behind position ${position}:\n${gateway.output()}`);
      if (position > 0) samples.push({ ms: performance.now(), position, bytes: await pss(gateway.pid) });
      if (position - told < end / 10) continue;
      told = position;
      context.step(`${Math.round((position / end) * 100)} % of ${end} events read`);
    }
  } finally {
    await client.end();
  }
  await gateway.stop();
  return samples;
}

/** Events per second in each stretch of about `windowMs`; in all of it when it is shorter. */
function ratesOf(samples: readonly Sample[], windowMs: number): number[] {
  const rates: number[] = [];
  let from = samples[0];
  for (const sample of samples) {
    if (from === undefined || sample.ms - from.ms < windowMs) continue;
    rates.push(rateBetween(from, sample));
    from = sample;
  }
  return rates.length === 0 ? [rateBetween(samples[0], samples.at(-1))] : rates;
}

/** @throws when there is no time between them: the log is too short to measure anything */
function rateBetween(from: Sample | undefined, to: Sample | undefined): number {
  if (from === undefined || to === undefined || to.ms <= from.ms)
    throw new Error('all was read before it was measured');
  return ((to.position - from.position) / (to.ms - from.ms)) * 1_000;
}

/** Medians, because a collector lets memory swing between its runs. */
function memoryFigure(samples: readonly Sample[], events: number): Measured {
  const around = (from: number, to: number): number | undefined => {
    const sizes = samples.flatMap(({ position, bytes }) =>
      position >= from && position <= to && bytes !== undefined ? [bytes] : [],
    );
    return sizes.length === 0 ? undefined : percentile(sizes, 0.5);
  };
  const [early, late] = [around(50_000, 150_000), around(900_000, events)];
  const figure = { what: "growth of the reader's memory (PSS), 10⁵ to 10⁶ events", unit: 'MiB', budgets: [atMost(50)] };
  if (early === undefined || late === undefined)
    return { ...figure, value: null, baseline: null, note: 'needs the whole run, and Linux' };
  const note = `median ${Math.round(early / MIB)} MiB from 50 000 to 150 000 events, ${Math.round(late / MIB)} MiB behind 900 000`;
  return { ...figure, value: (late - early) / MIB, baseline: null, note };
}
