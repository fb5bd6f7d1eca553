import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Simulator } from '@anime/comfyui-simulator';
import { JobAttemptFailedV2, JobDeclinedV1 } from '@anime/contracts';
import { isEvent, promptIdOf } from '@anime/event-store';
import { eventually, useNats } from '@anime/testing';
import { ExecutorLife } from '../testing/executor-harness.js';
import { imageGraph } from '../testing/graphs.js';
import { runnerHarness, type RunnerHarness } from '../testing/runner-harness.js';

const nats = useNats();
let harness: RunnerHarness;
beforeAll(async () => {
  harness = await runnerHarness((await nats.server()).url);
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  process.stdout.write(`${table()}\n`);
});

const MOMENTS = ['start', 'middle', 'end'] as const;
type Moment = (typeof MOMENTS)[number];
const LIMITS = { silenceMs: 1_500, cancelMs: 500, idleMs: 1_000 };

const WELL = 'started, executed';
const failed = (why: string): string => `started, attempt-failed{${why}}`;
const always = (trail: string): Readonly<Record<Moment, string>> => ({ start: trail, middle: trail, end: trail });

/** What befalls a prompt on its server: all that the executor records of the attempt, by the moment. */
const OF_THE_SERVER = {
  'drop-sockets': always(WELL),
  'lose-events': always(WELL),
  'stall-worker': always(WELL),
  'stall-http': always(WELL),
  'refuse-connections': always(WELL),
  'node-exception': always(failed('internal/execution-error')),
  'out-of-memory': always(failed('oom/execution-error')),
  'gpu-fault': always(`${failed('gpu-fault/execution-error')} + executor.drained`),
  // At the end nobody asks any more whether it was interrupted.
  interrupt: { ...always(failed('transient/interrupted')), end: WELL },
  'worker-death': always(`${failed('transient/worker-stopped')} + executor.drained`),
  restart: always(failed('transient/vanished')),
} as const satisfies Record<string, Readonly<Record<Moment, string>>>;

/** What befalls the attempt on this side while the server works on. */
const OF_THE_EXECUTOR = {
  'executor ends, another goes on': always(WELL),
  'two executors of one name': always(WELL),
  'answer to the POST is lost': always(WELL),
  // At the end the server no longer looks: it has run, and a cancelled job keeps its files, marked.
  cancel: { ...always(failed('cancelled/cancelled')), end: WELL },
} as const;

const results = new Map<string, string>();

function table(): string {
  const names = [...Object.keys(OF_THE_SERVER), ...Object.keys(OF_THE_EXECUTOR)];
  const rows = [
    ['fault', ...MOMENTS],
    ...names.map((name) => [name, ...MOMENTS.map((at) => results.get(`${name} ${at}`) ?? 'not run')]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')).join('\n');
}

async function start(simulator: Simulator, name?: string): Promise<ExecutorLife> {
  return ExecutorLife.start(harness, simulator.url, { limits: LIMITS, ...(name === undefined ? {} : { name }) });
}

/** Everything that the executor recorded of a job, and of itself since it was registered. */
async function trailOf(life: ExecutorLife, jobId: string): Promise<string> {
  const facts = (await life.jobs.facts(jobId)).map((event) => {
    const type = event.type.replace('job.', '');
    if (isEvent(event, JobAttemptFailedV2)) return `${type}{${event.data.class}/${event.data.reason}}`;
    return isEvent(event, JobDeclinedV1) ? `${type}{${event.data.reason}}` : type;
  });
  const own = (await life.trail()).filter((type) => type !== 'registered').map((type) => `executor.${type}`);
  return [facts.join(', '), ...own].join(' + ');
}

/** The server saw one POST of the attempt and began it at most once. */
function expectOneRun(simulator: Simulator, jobId: string): void {
  expect(simulator.counters.promptsPosted).toBe(1);
  expect(simulator.counters.promptsExecuted[promptIdOf(jobId, 1)] ?? 0).toBeLessThanOrEqual(1);
}

describe.each(Object.entries(OF_THE_SERVER))('%s', (kind, expected) => {
  it.each(MOMENTS)('at the %s', async (at) => {
    const fault = { kind: kind as keyof typeof OF_THE_SERVER, at, ms: 300 };
    await using simulator = await harness.simulator({ faults: { atPrompt: [fault] } });
    await using life = await start(simulator);
    const jobId = await life.jobs.accept({ graph: imageGraph({ steps: 20 }) });
    const outcome = await life.run(await life.jobs.assign(jobId));
    expect(outcome).toMatchObject({ kind: 'done' });
    if (expected[at].includes('drained'))
      await eventually(async () => (await life.trail()).includes('drained'), { what: 'it is drained' });
    const trail = await trailOf(life, jobId);
    results.set(`${kind} ${at}`, trail);
    expect(simulator.counters.faultsStruck[fault.kind]).toBe(1);
    expect(trail).toBe(expected[at]);
    expectOneRun(simulator, jobId);
  });
});

describe.each(Object.entries(OF_THE_EXECUTOR))('%s', (name, expected) => {
  it.each(MOMENTS)('at the %s', async (at) => {
    // The node sleeps at this moment, so that what happens happens then.
    const pause = { kind: 'stall-worker' as const, at, ms: 1_200 };
    const lost = name === 'answer to the POST is lost' ? 1 : 0;
    await using simulator = await harness.simulator({ faults: { atPrompt: [pause], cutPromptAnswers: lost } });
    await using life = await start(simulator);
    const { jobs } = life;
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 20 }) });
    const assigned = await jobs.assign(jobId);
    const run = life.run(assigned);
    await eventually(() => simulator.counters.faultsStruck['stall-worker'] === 1, { what: 'the moment has come' });
    if (name === 'cancel') await life.run(await jobs.orderCancel(jobId));
    if (name === 'executor ends, another goes on') {
      await life[Symbol.asyncDispose]();
      expect(await run).toMatchObject({ kind: 'retry' });
      await using next = await start(simulator, life.executor.name);
      await next.run(assigned);
    }
    if (name === 'two executors of one name') {
      const other = harness.life(simulator.url);
      expect(await other.run(assigned)).toMatchObject({ kind: 'done' });
    }
    await run;
    const trail = await trailOf(life, jobId);
    results.set(`${name} ${at}`, trail);
    expect(trail).toBe(expected[at]);
    expectOneRun(simulator, jobId);
  });
});
