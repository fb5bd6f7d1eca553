import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ComfyClient } from '@anime/comfyui-client';
import { promptIdOf } from '@anime/event-store';
import { DONE } from '@anime/messaging';
import { createLogger } from '@anime/service-runtime';
import { eventually, useNats } from '@anime/testing';
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

describe('the sweep of late prompts', () => {
  it('leaves a prompt that this process runs to its run, even when its attempt looks abandoned', async () => {
    const { log, blobs } = harness;
    // Its worker takes nothing, so a prompt waits in the queue until somebody stops it.
    const simulator = await harness.simulator({ faults: { zombieWorker: true } });
    const calls: string[] = [];
    const gate = await harness.gate(simulator.url, (call) => {
      calls.push(call);
      return 'pass';
    });
    const executor = new Executor({
      server: { name: `swept-${randomUUID()}`, url: gate.url },
      studio: 'studio',
      log,
      blobs,
      claim: randomUUID(),
      logger: createLogger('test', { level: 'silent' }),
    });
    const jobs = new JobLog(log, executor.id);
    const drain = new AbortController();
    const client = new ComfyClient({ baseUrl: simulator.url });
    try {
      executor.start();
      await eventually(() => executor.check().ok, { what: 'it holds the executor and watches its server' });
      const ours = await jobs.accept();
      const run = executor.runner.onOrder(await jobs.assign(ours), drain);
      await eventually(() => calls.includes(`GET /api/jobs/${promptIdOf(ours, 1)}`), {
        what: 'its prompt is followed',
      });
      // In the log, but not here yet: when it comes, the run is stopped as well as the prompt.
      const lost = await jobs.loseAttempt(ours);

      // A sweep goes through the queue in order, so when it has stopped this one, it has seen ours.
      const late = await jobs.accept();
      await jobs.orderCancel(late);
      const tags = { anime: { executorId: executor.id, jobId: late, attempt: 1 } };
      const graph = imageGraph({ seed: 2 });
      await client.submit({ promptId: promptIdOf(late, 1), clientId: randomUUID(), graph, tags });
      await eventually(async () => (await client.look(promptIdOf(late, 1))).state === 'absent', {
        what: 'the late prompt is stopped',
      });
      expect(await client.look(promptIdOf(ours, 1))).toEqual({ state: 'pending' });

      expect(await executor.runner.onOrder(lost, drain)).toEqual(DONE);
      expect(await run).toEqual(DONE);
      expect(await client.look(promptIdOf(ours, 1))).toEqual({ state: 'absent' });
    } finally {
      drain.abort();
      await client.close();
      await executor.stop();
    }
  });
});
