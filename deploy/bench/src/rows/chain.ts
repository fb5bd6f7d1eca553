import { SERVICES } from '@anime/contracts';
import { atLeast, atMost } from '../figure.js';
import { LoadProcess } from '../load-process.js';
import type { JobsAnswer, JobsAsk } from '../load/jobs.js';
import { readModelsCaughtUp } from '../positions.js';
import type { BenchContext, BenchRow, Measured } from '../row.js';
import { best, percentile } from '../statistics.js';
import { BenchStudio } from '../studio.js';

export const chain: BenchRow = {
  name: 'chain',
  about: 'jobs through the services, against driving the same (simulated) ComfyUI servers by hand',
  run: async (context) => [...(await toExecuted(context)), ...(await toCompleted(context))],
};

interface Pair {
  readonly product: JobsAnswer[];
  readonly direct: JobsAnswer[];
}

async function pairs(
  studio: BenchStudio,
  load: LoadProcess<JobsAsk, JobsAnswer>,
  ask: Omit<JobsAsk, 'who'>,
  windows: number,
): Promise<Pair> {
  const { context } = studio;
  const found: Pair = { product: [], direct: [] };
  // The first pair only warms both up.
  for (let window = context.quick ? 1 : 0; window <= windows; window += 1) {
    context.step(`${ask.jobs} jobs ${ask.how} at ${ask.size}², window ${window} of ${windows}`);
    for (const who of ['product', 'direct'] as const) {
      const answer = await load.ask({ ...ask, who });
      // What is driven by hand has the machine for itself.
      await readModelsCaughtUp(studio);
      if (window > 0) found[who].push(answer);
    }
  }
  return found;
}

const p50 = (answers: readonly JobsAnswer[]) =>
  best(
    answers.map(({ ms }) => percentile(ms, 0.5)),
    'less',
  );
const rate = (answers: readonly JobsAnswer[]) =>
  best(
    answers.map(({ perSecond }) => perSecond),
    'more',
  );

async function toExecuted(context: BenchContext): Promise<Measured[]> {
  const [windows, single, many] = context.quick ? [1, 20, 50] : [3, 40, 200];
  const overhead = await withStudio(context, SERVICES, 1, (studio, load, servers) =>
    pairs(studio, load, { ...servers, jobs: single, how: 'one by one', size: 64, until: 'executed' }, windows),
  );
  const services = ['gateway', 'orchestrator', 'comfyui-executor'] as const;
  const rates = await withStudio(context, services, 4, (studio, load, servers) =>
    pairs(studio, load, { ...servers, jobs: many, how: 'all at once', size: 64, until: 'executed' }, windows),
  );
  const [product, direct] = [p50(overhead.product), p50(overhead.direct)];
  return [
    {
      what: '202 to executed minus direct, p50',
      unit: 'ms',
      value: product - direct,
      baseline: { what: 'by hand, to the download', value: direct },
      budgets: [atMost(15)],
      note: `${product.toFixed(1)} ms from the 202 to \`executed\` in the log, 64×64`,
    },
    {
      what: 'jobs to executed at 64×64, 4 servers',
      unit: 'jobs/s',
      value: rate(rates.product),
      baseline: { what: 'by hand', value: rate(rates.direct) },
      budgets: [atLeast(100)],
      note: 'POST included; gateway, orchestrator and executor',
    },
  ];
}

async function toCompleted(context: BenchContext): Promise<Measured[]> {
  const [windows, jobs] = context.quick ? [1, 20] : [2, 60];
  const rates = await withStudio(context, SERVICES, 2, (studio, load, servers) =>
    pairs(studio, load, { ...servers, jobs, how: 'all at once', size: 512, until: 'completed' }, windows),
  );
  return [
    {
      what: 'whole chain to completed at 512×512, 2 servers',
      unit: 'jobs/s',
      value: rate(rates.product),
      baseline: { what: 'by hand, to the download', value: rate(rates.direct) },
      budgets: [atLeast(15)],
      note: 'all six services: scored, filed with thumbnail and sidecar, gated',
    },
  ];
}

async function withStudio<T>(
  context: BenchContext,
  services: readonly (typeof SERVICES)[number][],
  simulators: number,
  measure: (
    studio: BenchStudio,
    load: LoadProcess<JobsAsk, JobsAnswer>,
    servers: Pick<JobsAsk, 'natsUrl' | 'gateway' | 'comfyui'>,
  ) => Promise<T>,
): Promise<T> {
  context.step(`starting ${services.length} services and ${simulators} simulators`);
  await using studio = await BenchStudio.start(context, { postgres: true, simulators });
  const started = await Promise.all(services.map((name) => studio.service(name)));
  await using load = new LoadProcess<JobsAsk, JobsAnswer>('jobs');
  const gateway = started.find(({ name }) => name === 'gateway')?.url ?? '';
  return await measure(studio, load, { natsUrl: studio.nats.url, gateway, comfyui: studio.simulators });
}
