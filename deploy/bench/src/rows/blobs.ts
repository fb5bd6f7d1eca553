import { LoadProcess } from '../load-process.js';
import type { BlobsAnswer, BlobsAsk, BlobsWho } from '../load/blobs.js';
import type { BenchContext, BenchRow, Measured } from '../row.js';
import { best } from '../statistics.js';
import { BenchStudio } from '../studio.js';

const MIB = 2 ** 20;

/** Each kind of store and what it is held against. */
const STORES = [
  { who: 'fs', raw: 'raw file', rawWritten: 'file, written and flushed', rawRead: 'plain file' },
  { who: 'nats', raw: 'raw chunks', rawWritten: 'raw publish of the chunks', rawRead: 'raw consume of the chunks' },
] as const satisfies readonly {
  readonly who: BlobsWho;
  readonly raw: BlobsWho;
  readonly rawWritten: string;
  readonly rawRead: string;
}[];

export const blobs: BenchRow = {
  name: 'blobs',
  about: 'one large blob into each kind of blob store and back, against the same bytes without a store',
  run: async (context) => {
    await using studio = await BenchStudio.start(context);
    const figures: Measured[] = [];
    for (const store of STORES) figures.push(...(await measureStore(context, studio, store)));
    return figures;
  },
};

async function measureStore(
  context: BenchContext,
  { nats }: BenchStudio,
  { who, raw, rawWritten, rawRead }: (typeof STORES)[number],
): Promise<Measured[]> {
  // Each has a process to itself, whose memory is then its own.
  await using product = new LoadProcess<BlobsAsk, BlobsAnswer>('blobs');
  await using baseline = new LoadProcess<BlobsAsk, BlobsAnswer>('blobs');
  const [windows, size, large] = context.quick ? [1, 16, 64] : [3, 64, 1024];
  const ask = { natsUrl: nats.url, dir: context.dir };
  const found = { product: [] as BlobsAnswer[], raw: [] as BlobsAnswer[] };
  const small: BlobsAnswer[] = [];
  // The first pair only warms both up; its memory counts.
  for (let window = 0; window <= windows; window += 1) {
    context.step(`${who}, a blob of ${size} MiB, window ${window} of ${windows}`);
    const measured = {
      product: await product.ask({ ...ask, who, bytes: size * MIB }),
      raw: await baseline.ask({ ...ask, who: raw, bytes: size * MIB }),
    };
    small.push(measured.product);
    if (window === 0) continue;
    found.product.push(measured.product);
    found.raw.push(measured.raw);
  }
  context.step(`${who}, a blob of ${large} MiB`);
  const big = await product.ask({ ...ask, who, bytes: large * MIB });
  const rate = (answers: readonly BlobsAnswer[], key: 'writeMiBPerSecond' | 'readMiBPerSecond'): number =>
    best(
      answers.map((answer) => answer[key]),
      'more',
    );
  return [
    {
      what: `${who}, put, ${size} MiB`,
      unit: 'MiB/s',
      value: rate(found.product, 'writeMiBPerSecond'),
      baseline: { what: rawWritten, value: rate(found.raw, 'writeMiBPerSecond') },
      budgets: [],
    },
    {
      what: `${who}, read, ${size} MiB`,
      unit: 'MiB/s',
      value: rate(found.product, 'readMiBPerSecond'),
      baseline: { what: rawRead, value: rate(found.raw, 'readMiBPerSecond') },
      budgets: [],
    },
    growth(`${who}, growth of memory (PSS), ${size} to ${large} MiB`, small, big),
  ];
}

/** How much more memory a larger blob takes than smaller ones did, one after the other. */
function growth(what: string, small: readonly BlobsAnswer[], { mostMemory }: BlobsAnswer): Measured {
  const figure = { what, unit: 'MiB', baseline: null, budgets: [] };
  const before = small.flatMap((answer) => (answer.mostMemory === undefined ? [] : [answer.mostMemory]));
  if (mostMemory === undefined || before.length === 0)
    return { ...figure, value: null, note: 'this system has no /proc/<pid>/smaps_rollup: measure on Linux' };
  const most = Math.max(...before);
  const note = `at most ${Math.round(most / MIB)} MiB with the smaller blobs, ${Math.round(mostMemory / MIB)} MiB with the larger one`;
  return { ...figure, value: (mostMemory - most) / MIB, note };
}
