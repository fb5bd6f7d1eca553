import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Simulator } from '@anime/comfyui-simulator';
import { JobAttemptFailedV2 } from '@anime/contracts';
import { promptIdOf } from '@anime/event-store';
import { DONE } from '@anime/messaging';
import { eventually, useNats } from '@anime/testing';
import { answerOf, SERVER_ERROR, type Gatekeeper, type GateAnswer, type Verdict } from '../testing/comfy-gate.js';
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

/** Runs for far longer than a test. */
const ENDLESS = 10_000;
const BAD_GATEWAY: GateAnswer = { status: 502, type: 'text/html', body: '<html>502' };
const QUICK = { unreadableMs: 500 };
const isLook = (call: string): boolean =>
  call === 'GET /queue' || call.startsWith('GET /history/') || call.startsWith('GET /api/jobs/');

/** How the prompts of a server ended, by its history. */
async function endings({ url }: Simulator): Promise<readonly string[]> {
  const history = (await (await fetch(`${url}/history`)).json()) as Record<
    string,
    { readonly status: { readonly messages: readonly (readonly [string])[] } }
  >;
  return Object.values(history).map(({ status }) => status.messages.at(-1)?.[0] ?? '');
}

describe('a server that cannot tell of a job', () => {
  it.each([
    ['as its jobs module raises', SERVER_ERROR],
    ['in words that are not known', answerOf({ status: 'dreaming' })],
    ['in another form', answerOf({ status: 'completed', outputs: ['9'], execution_status: {} })],
    ['as a proxy forbids it', { status: 403, body: '' }],
  ])('%s is asked for its queue and history, and the job is executed', async (_, answer) => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const keeper: Gatekeeper = (call) => (call.startsWith('GET /api/jobs/') ? answer : 'pass');
    const life = harness.life((await harness.gate(simulator.url, keeper, { websockets: true })).url);
    expect(await life.socket.ready(10_000)).toBe(true);
    const jobId = await jobs.accept();
    expect(await life.run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    expect(simulator.counters.promptsPosted).toBe(1);
  });

  it('nor cancel one, has it cancelled by the older ways', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const gate = await harness.gate(simulator.url, (call) => (call.includes('/api/jobs/') ? SERVER_ERROR : 'pass'));
    const life = harness.life(gate.url);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: ENDLESS }) });
    const run = life.run(await jobs.assign(jobId));
    await eventually(() => simulator.counters.samplerRuns === 1, { what: 'the sampler runs' });
    expect(await life.run(await jobs.orderCancel(jobId))).toEqual(DONE);
    expect(await run).toEqual(DONE);
    expect(await endings(simulator)).toEqual(['execution_interrupted']);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'cancelled' });
  });
});

describe('a server of which nothing about a prompt can be read', () => {
  it('for long enough fails the attempt with status and body, and is told to stop the prompt', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const gate = await harness.gate(simulator.url, (call) => (isLook(call) ? SERVER_ERROR : 'pass'));
    const jobId = await jobs.accept({ graph: imageGraph({ steps: ENDLESS }) });
    expect(await harness.life(gate.url, { limits: QUICK }).run(await jobs.assign(jobId))).toEqual(DONE);
    const failed = await jobs.fact(JobAttemptFailedV2, jobId);
    expect(failed).toMatchObject({ class: 'internal', reason: 'answers-unreadable', evidence: { httpStatus: 500 } });
    expect(failed.evidence.response).toContain('Server got itself in trouble');
    await eventually(async () => (await endings(simulator)).includes('execution_interrupted'), {
      what: 'the prompt has stopped',
    });
  });

  it('now and then goes on with it', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator({ stepDelayMs: 20 });
    let looks = 0;
    const gate = await harness.gate(simulator.url, (call) => {
      if (!isLook(call)) return 'pass';
      if (call.startsWith('GET /api/jobs/')) looks += 1;
      return looks % 3 === 0 ? 'pass' : SERVER_ERROR;
    });
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 400 }) });
    expect(await harness.life(gate.url, { limits: { unreadableMs: 1 } }).run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    expect(looks).toBeGreaterThan(6);
  });

  it('as a proxy says that it is away, is waited for', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    let looks = 0;
    const gate = await harness.gate(simulator.url, (call) => {
      if (!isLook(call)) return 'pass';
      looks += 1;
      return looks > 8 ? 'pass' : BAD_GATEWAY;
    });
    const jobId = await jobs.accept();
    expect(await harness.life(gate.url, { limits: { unreadableMs: 1 } }).run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
  });

  it('as there is too much of it, is not made to send it again', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    let sent = 0;
    const gate = await harness.gate(simulator.url, async (call): Promise<Verdict> => {
      if (!call.startsWith('GET /api/jobs/') && !call.startsWith('GET /history/')) return 'pass';
      const now = await (await fetch(`${simulator.url}${call.slice(4)}`)).text();
      if (!now.includes('execution_success')) return 'pass';
      sent += 1;
      return answerOf({ text: 'a'.repeat(2_000_000) });
    });
    const jobId = await jobs.accept();
    expect(await harness.life(gate.url, { largestAnswer: 1_000_000 }).run(await jobs.assign(jobId))).toEqual(DONE);
    const failed = await jobs.fact(JobAttemptFailedV2, jobId);
    expect(failed).toMatchObject({ class: 'internal', reason: 'answers-unreadable', evidence: { httpStatus: 200 } });
    expect(failed.message).toContain('larger than 1000000 bytes');
    expect(sent).toBe(1);
  });
});

describe('a cancelled attempt gives its place back', () => {
  it.each<[string, Verdict]>([
    ['that cannot be read', SERVER_ERROR],
    ['that says it is away', BAD_GATEWAY],
  ])('whatever is answered about it, as by a server %s', async (_, answer) => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const mute = new Set<string>();
    const keeper: Gatekeeper = (call) => {
      const isOfMute = [...mute].some((promptId) => call.includes(promptId));
      return (isOfMute && !call.endsWith('/cancel')) || (call === 'GET /queue' && mute.size > 0) ? answer : 'pass';
    };
    const life = harness.life((await harness.gate(simulator.url, keeper)).url);
    const two = await Promise.all([1, 2].map((seed) => jobs.accept({ graph: imageGraph({ seed, steps: ENDLESS }) })));
    const runs = [];
    for (const jobId of two) {
      mute.add(promptIdOf(jobId, 1));
      runs.push(life.run(await jobs.assign(jobId)));
    }
    await eventually(() => simulator.counters.promptsPosted === 2, { what: 'both places on the server are taken' });
    const cancels = await Promise.all(two.map((jobId) => jobs.orderCancel(jobId)));
    expect(await Promise.all(cancels.map((cancel) => life.run(cancel)))).toEqual([DONE, DONE]);
    expect(await Promise.all(runs)).toEqual([DONE, DONE]);
    const third = await jobs.accept();
    expect(await life.run(await jobs.assign(third))).toEqual(DONE);
    expect(await jobs.trail(third)).toEqual(['started', 'executed']);
  });
});
