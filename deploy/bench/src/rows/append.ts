import { atLeastTimesBaseline, atMostTimesBaseline } from '../figure.js';
import { LoadProcess } from '../load-process.js';
import type { AppendAnswer, AppendAsk } from '../load/append.js';
import type { BenchRow } from '../row.js';
import { best } from '../statistics.js';
import { BenchStudio } from '../studio.js';

/** Appends that wait for their acknowledgement at the same time. */
const PIPELINE = 256;

export const append: BenchRow = {
  name: 'append',
  about: 'one event into the log, against the NATS client alone',
  run: async (context) => {
    await using studio = await BenchStudio.start(context);
    await using load = new LoadProcess<AppendAsk, AppendAnswer>('append');
    const [windows, seconds] = context.quick ? [2, 1] : [4, 2];
    const measure = async (inFlight: number) => {
      const answers = { product: [] as AppendAnswer[], raw: [] as AppendAnswer[] };
      // The first pair only warms both up.
      for (let window = 0; window <= windows; window += 1) {
        context.step(`${inFlight} at a time, window ${window} of ${windows}`);
        for (const who of ['raw', 'product'] as const) {
          const answer = await load.ask({ natsUrl: studio.nats.url, who, inFlight, seconds });
          if (window > 0) answers[who].push(answer);
        }
      }
      return answers;
    };
    const pipelined = await measure(PIPELINE);
    const single = await measure(1);
    const rate = (answers: readonly AppendAnswer[]) =>
      best(
        answers.map(({ perSecond }) => perSecond),
        'more',
      );
    const p50 = (answers: readonly AppendAnswer[]) =>
      best(
        answers.map(({ p50Ms }) => p50Ms),
        'less',
      );
    return [
      {
        what: `${PIPELINE} at a time`,
        unit: 'events/s',
        value: rate(pipelined.product),
        baseline: { what: 'raw publish', value: rate(pipelined.raw) },
        budgets: [atLeastTimesBaseline(0.7)],
      },
      {
        what: 'one at a time, p50',
        unit: 'ms',
        value: p50(single.product),
        baseline: { what: 'raw publish', value: p50(single.raw) },
        budgets: [atMostTimesBaseline(2)],
      },
    ];
  },
};
