import { setTimeout as delay } from 'node:timers/promises';
import { EVENTS_STREAM } from '@anime/contracts';
import pg from 'pg';
import { atLeast, atLeastTimesBaseline, atMost } from '../figure.js';
import { LoadProcess } from '../load-process.js';
import type { FillAnswer, FillAsk } from '../load/fill.js';
import { pss } from '../memory.js';
import { rawConsume, rawUpsert } from '../raw/raw-reader.js';
import type { BenchContext, BenchRow, Measured } from '../row.js';
import { best, percentile } from '../statistics.js';
import { BenchStudio } from '../studio.js';

const MIB = 2 ** 20;
const EVENTS_PER_JOB = 12;
const POLL_MS = 250;

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
    const baselines = await measureBaselines(context, studio);
    context.step('the gateway reads it all');
    const samples = await watchCatchUp(context, studio, events);
    const window = context.quick ? 2_000 : 10_000;
    const rates = ratesOf(samples, window);
    const slower = baselines.consume < baselines.upsert ? 'consume' : 'upsert';
    const first = samples[0];
    const last = samples.at(-1);
    const mean = first && last ? ((last.position - first.position) / (last.ms - first.ms)) * 1_000 : 0;
    return [
      {
        what: `events into the read-models, best ${window / 1_000} s`,
        unit: 'events/s',
        value: best(rates, 'more'),
        baseline: { what: `raw ${slower}`, value: baselines[slower] },
        budgets: [atLeastTimesBaseline(0.4), atLeast(10_000)],
        note: `${Math.round(mean)} events/s over all; raw consume ${Math.round(baselines.consume)}/s, raw upsert ${Math.round(baselines.upsert)}/s`,
      },
      memoryFigure(samples, events),
    ];
  },
};

async function measureBaselines(context: BenchContext, studio: BenchStudio) {
  const [windows, amount] = context.quick ? [1, 30_000] : [3, 100_000];
  const found = { consume: [] as number[], upsert: [] as number[] };
  for (let window = 1; window <= windows; window += 1) {
    context.step(`raw consume and raw upsert, window ${window} of ${windows}`);
    found.consume.push(await rawConsume(studio.nats.url, EVENTS_STREAM, amount));
    found.upsert.push(await rawUpsert(studio.postgres.url(), amount));
  }
  return { consume: best(found.consume, 'more'), upsert: best(found.upsert, 'more') };
}

/** Asks the checkpoint and the gateway's memory again and again until all is read; begins with the first events written. */
async function watchCatchUp(context: BenchContext, studio: BenchStudio, end: number): Promise<Sample[]> {
  const gateway = await studio.service('gateway', 'listening');
  const client = new pg.Client({ connectionString: studio.postgres.url() });
  await client.connect();
  const samples: Sample[] = [];
  let told = 0;
  try {
    for (let position = 0; position < end; await delay(POLL_MS)) {
      position = await readPosition(client);
      if (position > 0) samples.push({ ms: performance.now(), position, bytes: await pss(gateway.pid) });
      if (position - told < end / 10) continue;
      told = position;
      context.step(`${Math.round((position / end) * 100)} % of ${end} events read`);
    }
  } finally {
    await client.end();
  }
  return samples;
}

/** Where the slowest projection stands; 0 while their tables are not made yet. */
async function readPosition(client: pg.Client): Promise<number> {
  try {
    const { rows } = await client.query<{ position: string }>(
      'select min(position) as position from gateway.projection_checkpoints',
    );
    return Number(rows[0]?.position ?? 0);
  } catch {
    return 0;
  }
}

/** Events per second in each stretch of about `windowMs`. */
function ratesOf(samples: readonly Sample[], windowMs: number): number[] {
  const rates: number[] = [];
  let from = samples[0];
  for (const sample of samples) {
    if (from === undefined || sample.ms - from.ms < windowMs) continue;
    rates.push(((sample.position - from.position) / (sample.ms - from.ms)) * 1_000);
    from = sample;
  }
  const last = samples.at(-1);
  if (rates.length === 0 && from !== undefined && last !== undefined)
    rates.push(((last.position - from.position) / (last.ms - from.ms)) * 1_000);
  return rates;
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
