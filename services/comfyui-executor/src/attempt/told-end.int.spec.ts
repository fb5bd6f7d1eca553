import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobExecutedV2 } from '@anime/contracts';
import type { EventLog } from '@anime/event-store';
import { DONE } from '@anime/messaging';
import { ProblemError } from '@anime/problem-details';
import { useNats } from '@anime/testing';
import { runnerHarness, RunnerLife, type RunnerHarness } from '../testing/runner-harness.js';

const nats = useNats();
let harness: RunnerHarness;
beforeAll(async () => {
  harness = await runnerHarness((await nats.server()).url);
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

describe('an attempt', () => {
  it('tells of its end when that stands in the log, and of nothing that its viewers had heard before', async () => {
    const { jobs, log, blobs } = harness;
    const simulator = await harness.simulator();
    let refusals = 1;
    const refusing = new Proxy<EventLog>(log, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (key !== 'append') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        return async (...[event, options]: Parameters<EventLog['append']>) => {
          if (event.contract === JobExecutedV2 && refusals-- > 0) throw new ProblemError('log-unavailable', 'not now');
          return target.append(event, options);
        };
      },
    });
    await using life = new RunnerLife(refusing, blobs, simulator.url);
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    await expect(life.run(assigned)).rejects.toMatchObject({ code: 'log-unavailable' });
    expect(life.progress.map(({ phase }) => phase)).not.toContain('ended');
    expect(life.progress.at(-1)).toMatchObject({ phase: 'downloading' });

    expect(await life.run(assigned)).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    const fractions = life.progress.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(life.progress.filter(({ phase }) => phase === 'ended')).toMatchObject([{ fraction: 1 }]);
  });
});
