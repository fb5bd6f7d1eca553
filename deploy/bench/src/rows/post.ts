import { fileURLToPath } from 'node:url';
import { SERVICES } from '@anime/contracts';
import { atLeast, atMost } from '../figure.js';
import { LoadProcess } from '../load-process.js';
import type { AppendAnswer, AppendAsk } from '../load/append.js';
import type { PostAnswer, PostAsk } from '../load/post.js';
import { lastPosition, readModelsCaughtUp } from '../positions.js';
import type { BenchContext, BenchRow, Measured } from '../row.js';
import { best } from '../statistics.js';
import { BenchStudio } from '../studio.js';

const MANY = [16, 64];
const BARE_HTTP = fileURLToPath(new URL('../raw/bare-http.js', import.meta.url));

interface Windows {
  readonly gateway: PostAnswer[];
  readonly raw: AppendAnswer[];
  readonly bare: PostAnswer[];
  /** Seconds until the read-models had all that the gateway's window had stored. */
  readonly behind: number[];
}

const p50 = (windows: readonly { readonly p50Ms: number }[]) =>
  best(
    windows.map(({ p50Ms }) => p50Ms),
    'less',
  );
const rate = (windows: readonly { readonly perSecond: number }[]) =>
  best(
    windows.map(({ perSecond }) => perSecond),
    'more',
  );

export const post: BenchRow = {
  name: 'post',
  about: 'POST a job until its durable 202, against raw publish and against bare Fastify',
  run: async (context) => [...(await gatewayAlone(context)), await wholeStack(context)],
};

async function gatewayAlone(context: BenchContext): Promise<Measured[]> {
  await using studio = await BenchStudio.start(context, { postgres: true });
  const gateway = await studio.service('gateway');
  const bare = await studio.program('bare-http', BARE_HTTP);
  await using poster = new LoadProcess<PostAsk, PostAnswer>('post');
  await using appender = new LoadProcess<AppendAsk, AppendAnswer>('append');
  const [windows, seconds] = context.quick ? [1, 1] : [3, 2];
  const measure = async (connections: number): Promise<Windows> => {
    const found: Windows = { gateway: [], raw: [], bare: [], behind: [] };
    for (let window = 0; window <= windows; window += 1) {
      context.step(`${connections} connections, window ${window} of ${windows}`);
      const ask = { connections, seconds, size: 64 };
      const measured = {
        gateway: await poster.ask({ ...ask, url: gateway.url }),
        behind: await readModelsCaughtUp(studio),
        raw: await appender.ask({ natsUrl: studio.nats.url, who: 'raw', inFlight: connections, seconds }),
        bare: await poster.ask({ ...ask, url: bare.url }),
      };
      if (window === 0) continue; // it only warms up
      found.gateway.push(measured.gateway);
      found.raw.push(measured.raw);
      found.bare.push(measured.bare);
      found.behind.push(measured.behind);
    }
    return found;
  };
  const one = await measure(1);
  const figures: Measured[] = [
    {
      what: 'p50 at one connection, gateway alone',
      unit: 'ms',
      value: p50(one.gateway),
      baseline: { what: 'raw publish', value: p50(one.raw) },
      budgets: [atMost(3)],
      note: `bare Fastify and zod, not durable: ${p50(one.bare).toFixed(2)} ms`,
    },
  ];
  for (const connections of context.quick ? MANY.slice(-1) : MANY) {
    const many = await measure(connections);
    figures.push({
      what: `${connections} connections, gateway alone`,
      unit: 'jobs/s',
      value: rate(many.gateway),
      baseline: { what: 'raw publish', value: rate(many.raw) },
      budgets: [atLeast(1_200)],
      note: `bare Fastify and zod, not durable: ${Math.round(rate(many.bare))} jobs/s; the read-models had all of a window ${Math.max(...many.behind).toFixed(1)} s after it`,
    });
  }
  return figures;
}

const CONNECTIONS = 16;

/** Jobs taken, or messages published, while the stack works on jobs. */
interface Beside {
  readonly perSecond: number;
  /** Events that the stack stored meanwhile beside those of the taken jobs. */
  readonly others: number;
}

/** Product and baseline both have the busy stack beside them: the jobs of each window keep it so far into the next one. */
async function wholeStack(context: BenchContext): Promise<Measured> {
  await using studio = await BenchStudio.start(context, { postgres: true, simulators: 1 });
  context.step('starting the whole stack');
  const services = await Promise.all(SERVICES.map((name) => studio.service(name)));
  const gateway = services[SERVICES.indexOf('gateway')];
  if (gateway === undefined) throw new Error('there is no gateway');
  await using poster = new LoadProcess<PostAsk, PostAnswer>('post');
  await using appender = new LoadProcess<AppendAsk, AppendAnswer>('append');
  const [windows, seconds] = context.quick ? [1, 2] : [3, 3];
  const beside = async (work: () => Promise<PostAnswer | AppendAnswer>): Promise<Beside> => {
    const [before, began] = [await lastPosition(studio), performance.now()];
    const { perSecond, ...rest } = await work();
    const [stored, lasted] = [(await lastPosition(studio)) - before, (performance.now() - began) / 1_000];
    return { perSecond, others: (stored - ('taken' in rest ? rest.taken : 0)) / lasted };
  };
  const found = { product: [] as Beside[], raw: [] as Beside[] };
  // The first pair warms up, and gives the stack its work.
  for (let window = 0; window <= windows; window += 1) {
    context.step(`${CONNECTIONS} connections, whole stack, window ${window} of ${windows}`);
    const measured = {
      product: await beside(() => poster.ask({ url: gateway.url, connections: CONNECTIONS, seconds, size: 64 })),
      raw: await beside(() => appender.ask({ natsUrl: studio.nats.url, who: 'raw', inFlight: CONNECTIONS, seconds })),
    };
    if (window === 0) continue;
    found.product.push(measured.product);
    found.raw.push(measured.raw);
  }
  const others = (windowsOf: readonly Beside[]): number =>
    Math.round(windowsOf.reduce((sum, window) => sum + window.others, 0) / windowsOf.length);
  return {
    what: `${CONNECTIONS} connections, whole stack`,
    unit: 'jobs/s',
    value: rate(found.product),
    baseline: { what: 'raw publish beside the same stack', value: rate(found.raw) },
    budgets: [atLeast(300)],
    note: `the stack itself stored ${others(found.product)} events/s meanwhile, ${others(found.raw)} beside the raw publishes`,
  };
}
