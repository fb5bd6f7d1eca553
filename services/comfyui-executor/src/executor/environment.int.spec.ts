import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Simulator } from '@anime/comfyui-simulator';
import { ExecutorEnvironmentChangedV1, JobStartedV2 } from '@anime/contracts';
import { eventsOf } from '@anime/event-store/testing';
import { DONE } from '@anime/messaging';
import { createLogger } from '@anime/service-runtime';
import { eventually, freePort, useNats } from '@anime/testing';
import { imageGraph } from '../testing/graphs.js';
import { JobLog } from '../testing/job-log.js';
import { runnerHarness, type RunnerHarness } from '../testing/runner-harness.js';
import { Executor } from './executor.js';

const nats = useNats();
let harness: RunnerHarness;
beforeAll(async () => {
  harness = await runnerHarness((await nats.server()).url);
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

describe('each attempt', () => {
  it('names the environment that it ran in, also when the server comes back as another one', async () => {
    const { log, blobs } = harness;
    const port = await freePort();
    const start = (gpuName: string): Promise<Simulator> => harness.simulator({ port, gpuName });
    const server = { name: `environment-${randomUUID()}`, url: `http://127.0.0.1:${port}` };
    const life = (): Executor =>
      new Executor({
        server,
        studio: 'studio',
        log,
        blobs,
        claim: randomUUID(),
        logger: createLogger('test', { level: 'silent' }),
      });
    let executor = life();
    const jobs = new JobLog(log, executor.id);
    const drain = new AbortController();
    let seed = 0;
    const named = async (): Promise<string | null> => {
      const jobId = await jobs.accept({ graph: imageGraph({ seed: (seed += 1) }) });
      expect(await executor.runner.onOrder(await jobs.assign(jobId), drain)).toEqual(DONE);
      return (await jobs.fact(JobStartedV2, jobId)).environment;
    };
    const environments = async (): Promise<readonly (readonly [string, string | undefined])[]> =>
      (await eventsOf(log, ExecutorEnvironmentChangedV1, executor.id)).map(
        ({ data }) => [data.environment, data.devices[0]?.name] as const,
      );
    const isBack = (): Promise<boolean> => eventually(() => executor.check().ok, { what: 'the server is there' });
    const isAway = (): Promise<boolean> => eventually(() => !executor.check().ok, { what: 'the server is away' });
    try {
      const first = await start('first');
      executor.start();
      await isBack();
      const one = await named();
      expect(await environments()).toEqual([[one, 'first (simulator)']]);

      await first.close();
      await isAway();
      const second = await start('second');
      await isBack();
      const two = await named();
      expect(await environments()).toEqual([
        [one, 'first (simulator)'],
        [two, 'second (simulator)'],
      ]);
      expect(two).not.toBe(one);

      await executor.stop();
      executor = life();
      executor.start();
      await isBack();
      expect(await named()).toBe(two);
      expect(await environments()).toHaveLength(2);

      // So fast that no look saw it away: the connection that was cut tells.
      await second.close();
      await start('third');
      const three = await named();
      expect((await environments()).slice(2)).toEqual([[three, 'third (simulator)']]);
    } finally {
      drain.abort();
      await executor.stop();
    }
  }, 90_000);
});
