import { fileURLToPath } from 'node:url';
import { openLog, uuidv7 } from '@anime/event-store';
import { atLeast, atMost } from '../figure.js';
import { runningJob } from '../job-events.js';
import { LoadProcess } from '../load-process.js';
import type { PublishAnswer, PublishAsk } from '../load/publish-progress.js';
import type { Deliveries, ViewersAsk } from '../load/viewers.js';
import { provisionRawProgress } from '../raw/raw-progress.js';
import type { BenchContext, BenchRow } from '../row.js';
import { best } from '../statistics.js';
import { BenchStudio } from '../studio.js';

const JOBS = 100;
const BROADCAST = fileURLToPath(new URL('../raw/ws-broadcast.js', import.meta.url));

interface Load {
  readonly perSecond: number;
  readonly viewersPerJob: number;
}
/** Architecture §12: 10 000 deliveries a second. */
const ORDINARY: Load = { perSecond: 10, viewersPerJob: 10 };
/** 60 000 deliveries a second, by more viewers: more messages would measure how many a synced stream stores. */
const HEAVY: Load = { perSecond: 20, viewersPerJob: 30 };

interface Result extends Deliveries {
  readonly expected: number;
  /** Deliveries a second that were really offered. */
  readonly offered: number;
}

export const progress: BenchRow = {
  name: 'progress',
  about: 'progress of 100 jobs to 10 viewers each, from executor to socket, against a plain ws broadcast',
  run: async (context) => {
    await using studio = await BenchStudio.start(context);
    const jobs = Array.from({ length: JOBS }, () => uuidv7());
    await startJobs(studio.nats.url, jobs);
    await provisionRawProgress(studio.nats.url);
    const relay = await studio.service('progress-relay');
    const broadcast = await studio.program('ws-broadcast', BROADCAST, { env: { NATS_URL: studio.nats.url } });
    const measure = (load: Load) => windows(context, studio, { relay: relay.url, plain: broadcast.url }, jobs, load);
    const ordinary = await measure(ORDINARY);
    const heavy = await measure(HEAVY);
    const p99 = (results: readonly Result[]) =>
      best(
        results.map(({ p99Ms }) => p99Ms),
        'less',
      );
    const rate = (results: readonly Result[]) =>
      best(
        results.map(({ perSecond }) => perSecond),
        'more',
      );
    const offered = (results: readonly Result[]) => Math.round(Math.min(...results.map((result) => result.offered)));
    const all = [...ordinary.relay, ...heavy.relay];
    const missing = ordinary.relay.reduce((sum, { expected, count }) => sum + Math.max(0, expected - count), 0);
    return [
      {
        what: 'executor to socket, p99, 10 000 deliveries/s offered',
        unit: 'ms',
        value: p99(ordinary.relay),
        baseline: { what: 'plain ws broadcast', value: p99(ordinary.plain) },
        budgets: [atMost(60)],
        note: `${Math.round(rate(ordinary.relay))} deliveries/s of at least ${offered(ordinary.relay)} offered, ${missing} of them folded into a later one`,
      },
      {
        what: 'breaks in the chain of seq and prev',
        unit: 'gaps',
        value: all.reduce((sum, { gaps }) => sum + gaps, 0),
        baseline: null,
        budgets: [atMost(0)],
      },
      {
        what: 'deliveries, 60 000/s offered',
        unit: 'deliveries/s',
        value: rate(heavy.relay),
        baseline: { what: 'plain ws broadcast', value: rate(heavy.plain) },
        budgets: [atLeast(50_000)],
        note: `at least ${offered(heavy.relay)}/s were offered, to the broadcast ${offered(heavy.plain)}/s; p99 ${p99(heavy.relay).toFixed(1)} ms; broadcast ${p99(heavy.plain).toFixed(1)} ms`,
      },
    ];
  },
};

async function startJobs(natsUrl: string, jobs: readonly string[]): Promise<void> {
  const log = openLog({ natsUrl, name: 'bench' });
  try {
    for (const job of jobs) for (const event of runningJob(job)) await log.append(event);
  } finally {
    await log.close();
  }
}

/**
 * The viewers of both stay connected; what is published for one does not reach the other.
 * @throws when nothing came, or messages of the relay did not say their place: a time or a count of breaks would be worth nothing
 */
async function windows(
  context: BenchContext,
  studio: BenchStudio,
  urls: Readonly<Record<'relay' | 'plain', string>>,
  jobs: readonly string[],
  { perSecond, viewersPerJob }: Load,
): Promise<Readonly<Record<'relay' | 'plain', Result[]>>> {
  await using publisher = new LoadProcess<PublishAsk, PublishAnswer>('publish-progress');
  await using relay = new LoadProcess<ViewersAsk, Deliveries>('viewers');
  await using plain = new LoadProcess<ViewersAsk, Deliveries>('viewers');
  const sides = [
    { name: 'relay', who: 'product', viewers: relay },
    { name: 'plain', who: 'raw', viewers: plain },
  ] as const;
  context.step(`connecting twice ${jobs.length * viewersPerJob} viewers`);
  for (const { name, viewers } of sides) await viewers.ask({ kind: 'connect', url: urls[name], jobs, viewersPerJob });
  const [count, seconds] = context.quick ? [1, 2] : [3, 3];
  const results = { relay: [] as Result[], plain: [] as Result[] };
  // The first pair only warms up.
  for (let window = context.quick ? 1 : 0; window <= count; window += 1) {
    context.step(`${jobs.length * viewersPerJob * perSecond} deliveries a second, window ${window} of ${count}`);
    for (const { name, who, viewers } of sides) {
      const { published, tookSeconds } = await publisher.ask({
        who,
        natsUrl: studio.nats.url,
        jobs,
        perSecond,
        seconds,
      });
      const expected = published * viewersPerJob;
      const deliveries = await viewers.ask({ kind: 'collect', expected });
      if (deliveries.count === 0) throw new Error(`no message came through the ${name}`);
      if (who === 'product' && deliveries.placed < deliveries.count)
        throw new Error(`${deliveries.count - deliveries.placed} messages of the relay do not say their place`);
      if (window > 0) results[name].push({ ...deliveries, expected, offered: expected / tookSeconds });
    }
  }
  return results;
}
