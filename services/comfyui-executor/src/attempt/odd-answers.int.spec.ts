import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EVENT_DATA_LIMIT, JobAttemptFailedV2 } from '@anime/contracts';
import { promptIdOf } from '@anime/event-store';
import { DONE } from '@anime/messaging';
import { useNats } from '@anime/testing';
import { SERVER_ERROR } from '../testing/comfy-gate.js';
import { imageGraph } from '../testing/graphs.js';
import { runnerHarness, type RunnerHarness } from '../testing/runner-harness.js';

const nats = useNats();
let harness: RunnerHarness;
beforeAll(async () => {
  harness = await runnerHarness((await nats.server()).url);
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

describe('before the POST, a server', () => {
  it.each([
    ['fails to tell of', SERVER_ERROR],
    [
      'tells in a way that nobody can read of',
      { status: 200, body: '{"KSampler":{"name":"KSampler","description":["?"]}}', type: 'application/json' },
    ],
  ])('that %s a class judges the graph by itself', async (_, answer) => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const gate = await harness.gate(simulator.url, (call) => (call === 'GET /object_info/KSampler' ? answer : 'pass'));
    const jobId = await jobs.accept();
    expect(await harness.life(gate.url).run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
  });

  it('that does not free memory gets the job as it is', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const gate = await harness.gate(simulator.url, (call) =>
      call === 'POST /free' ? { status: 403, body: 'Forbidden' } : 'pass',
    );
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId, 1, { freeMemory: true });
    expect(await harness.life(gate.url).run(assigned)).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
  });

  it('whose proxy drops one of its routes is not waited for without end', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const gate = await harness.gate(simulator.url, (call) =>
      call.startsWith('GET /object_info/') ? { status: 502, body: 'Bad Gateway' } : 'pass',
    );
    const jobId = await jobs.accept();
    const life = harness.life(gate.url, { oddPatienceMs: 100 });
    expect(await life.run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({
      class: 'transient',
      reason: 'unexpected-answer',
      evidence: { httpStatus: 502, response: 'Bad Gateway' },
    });
    expect(simulator.counters.promptsPosted).toBe(0);
  });
});

describe('a POST', () => {
  it('that a proxy gave up on is looked for: the server may get it all the same', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const jobId = await jobs.accept();
    const looked = Promise.withResolvers<void>();
    const look = `GET /api/jobs/${promptIdOf(jobId, 1)}`;
    const gate = await harness.gate(simulator.url, (call) => {
      if (call === look) looked.resolve();
      return call === 'POST /prompt'
        ? { status: 504, body: '<html>Gateway Time-out</html>', passedOnWhen: looked.promise }
        : 'pass';
    });
    expect(await harness.life(gate.url).run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    expect(simulator.counters.promptsPosted).toBe(1);
  });

  it('that is queued under another id is stopped, and fails with what is to be done', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const other = '99999999-0000-4000-8000-000000000001';
    const calls: string[] = [];
    const gate = await harness.gate(simulator.url, (call) => {
      calls.push(call);
      const body = JSON.stringify({ prompt_id: other, number: 3, node_errors: {} });
      return call === 'POST /prompt' ? { status: 200, body, type: 'application/json' } : 'pass';
    });
    const jobId = await jobs.accept();
    expect(await harness.life(gate.url).run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({
      class: 'internal',
      reason: 'prompt-renamed',
      message: expect.stringContaining('update ComfyUI'),
    });
    expect(calls).toContain(`POST /api/jobs/${other}/cancel`);
  });

  it('that is refused at length fails for its reason, as much of it as the log takes', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const details = `seed, ${'猫'.repeat(700_000)}`;
    const refusal = {
      error: {
        type: 'prompt_outputs_failed_validation',
        message: 'Prompt outputs failed validation',
        details: '',
        extra_info: {},
      },
      node_errors: {
        '3': {
          class_type: 'KSampler',
          dependent_outputs: ['9'],
          errors: [
            {
              type: 'invalid_input_type',
              message: 'Failed to convert an input value to a INT value',
              details,
              extra_info: { input_name: 'seed' },
            },
          ],
        },
      },
    };
    const gate = await harness.gate(simulator.url, (call) =>
      call === 'POST /prompt' ? { status: 400, body: JSON.stringify(refusal), type: 'application/json' } : 'pass',
    );
    const jobId = await jobs.accept({ graph: imageGraph() });
    expect(await harness.life(gate.url).run(await jobs.assign(jobId))).toEqual(DONE);
    const failed = await jobs.fact(JobAttemptFailedV2, jobId);
    expect(failed).toMatchObject({
      class: 'invalid',
      reason: 'submission-refused',
      evidence: { nodeId: '3', nodeType: 'KSampler' },
    });
    expect(failed.message).toMatch(
      /^KSampler \(node 3\): Failed to convert an input value to a INT value: seed, 猫+…$/,
    );
    expect(Buffer.byteLength(JSON.stringify(failed))).toBeLessThan(EVENT_DATA_LIMIT);
  });
});
