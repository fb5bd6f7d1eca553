import { expect, it } from '@jest/globals';
import { isProblem } from '@anime/problem-details';
import { uuidv7 } from '../ids.js';
import { JOB } from '../testing/conformance/samples.js';
import { counterDecider } from '../testing/counter-decider.js';
import { useStudios } from '../testing/jetstream/studio.js';
import { AggregateCache } from './aggregate-cache.js';
import { handleCommand } from './handle-command.js';

const newStudio = useStudios();

it('many processes deciding on one aggregate at once keep its rule: three cancels, never four', async () => {
  const { open } = await newStudio();
  const commands = Array.from({ length: 8 }, async () => {
    const log = open();
    const cache = new AggregateCache(log, counterDecider, 'job');
    const id = uuidv7();
    const meta = { id, time: new Date().toISOString(), correlationId: id, actor: 'service:gateway' };
    await handleCommand(log, counterDecider, {
      aggregate: 'job',
      aggregateId: JOB,
      command: { type: 'cancel' },
      meta,
      cache,
    });
  });
  const results = await Promise.allSettled(commands);
  const refused = results.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
  expect(refused).toHaveLength(5);
  for (const reason of refused) expect(isProblem(reason, 'job-ended')).toBe(true);
  expect(await open().end()).toBe(3);
});
