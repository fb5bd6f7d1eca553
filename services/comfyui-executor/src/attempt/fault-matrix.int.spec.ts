import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Simulator, SimulatorOptions } from '@anime/comfyui-simulator';
import { JobAttemptFailedV2, JobDeclinedV1, type ApiGraph } from '@anime/contracts';
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
const ONCE = 'once';
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
  // At the end the server no longer looks and it runs well; its outputs are not fetched.
  cancel: always(failed('cancelled/cancelled')),
} as const;

/** What befalls the way between the two, from that moment on. */
const OF_THE_WAY = {
  'a reader stalls, nobody hears events': { expected: always(WELL), faults: { stalledReader: true } },
  'answers come late now and then': {
    expected: always(WELL),
    faults: { latencySpikes: { share: 0.5, ms: 400, seed: 1 } },
  },
} as const;

const GIB_8 = { vramTotalMb: 8_192 };
const MODEL = 'simulated-anime-v1.safetensors';
const TWO_SAVED: ApiGraph = {
  ...imageGraph(),
  // Refused by the validation of this output alone: the server would run the other.
  '10': { class_type: 'SaveImage', inputs: { images: ['11', 0], filename_prefix: 'second' } },
  '11': { class_type: 'EmptyImage', inputs: { width: -1, height: 64, batch_size: 1, color: 0 } },
};

const OUTPUTS_OF_TWO = ['9', '10'].map((node) => ({
  node,
  kind: 'image' as const,
  role: node === '9' ? 'main' : 'second',
  filenamePrefixInput: 'filename_prefix',
}));

interface OneMoment {
  readonly server: Partial<SimulatorOptions>;
  readonly graph?: ApiGraph;
  /** Need of GPU memory; 1 when left out. */
  readonly vramGb?: number;
  /** How often the server is given the prompt. */
  readonly posts: number;
  readonly expected: string;
}

/** What can befall an attempt at one moment only: before it begins, or when its outputs are fetched. */
const OF_ONE_MOMENT: Readonly<Record<string, OneMoment>> = {
  'node is missing': {
    server: { faults: { missingNodes: ['VAEDecode'] } },
    posts: 0,
    expected: 'declined{missing-node}',
  },
  'model is missing': { server: { faults: { missingModels: [MODEL] } }, posts: 0, expected: 'declined{missing-model}' },
  'output is refused, others taken': {
    server: {},
    graph: TWO_SAVED,
    posts: 1,
    expected: failed('invalid/submission-refused'),
  },
  'answers and never runs': {
    server: { faults: { zombieWorker: true } },
    posts: 1,
    expected: `${failed('transient/worker-stopped')} + executor.drained`,
  },
  'memory is held by others, need known': {
    server: { ...GIB_8, faults: { reservedVramMb: 4_000 } },
    vramGb: 6,
    posts: 0,
    expected: 'declined{no-memory}',
  },
  'memory is held by others, need unknown': {
    server: { ...GIB_8, faults: { reservedVramMb: 7_700 } },
    vramGb: 0,
    posts: 1,
    expected: failed('oom/execution-error'),
  },
  'file is truncated': { server: torn('truncated'), posts: 1, expected: failed('transient/output-torn') },
  'file is empty': { server: torn('empty'), posts: 1, expected: failed('transient/output-torn') },
  'file is deleted': { server: torn('deleted'), posts: 1, expected: failed('transient/output-missing') },
  'download is cut': { server: torn('cut-download'), posts: 1, expected: WELL },
};

function torn(how: 'truncated' | 'empty' | 'deleted' | 'cut-download'): Partial<SimulatorOptions> {
  return { faults: { tornFiles: { how, times: 1 } } };
}

const results = new Map<string, string>();

/** Rows of cells, each column as wide as its widest; those that did not run say so. */
function tableOf(names: readonly string[], moments: readonly string[]): string {
  const rows = [
    ['fault', ...moments],
    ...names.map((name) => [name, ...moments.map((at) => results.get(`${name} ${at}`) ?? 'not run')]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length))) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')).join('\n');
}

function table(): string {
  const names = [OF_THE_SERVER, OF_THE_WAY, OF_THE_EXECUTOR].flatMap((rows) => Object.keys(rows));
  return `${tableOf(names, MOMENTS)}\n\n${tableOf(Object.keys(OF_ONE_MOMENT), [ONCE])}`;
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

describe.each(Object.entries(OF_THE_WAY))('%s', (name, { expected, faults }) => {
  it.each(MOMENTS)('at the %s', async (at) => {
    const pause = { kind: 'stall-worker' as const, at, ms: 300 };
    await using simulator = await harness.simulator({ faults: { atPrompt: [pause] } });
    await using life = await start(simulator);
    const jobId = await life.jobs.accept({ graph: imageGraph({ steps: 20 }) });
    const run = life.run(await life.jobs.assign(jobId));
    await eventually(() => simulator.counters.faultsStruck['stall-worker'] === 1, { what: 'the moment has come' });
    Object.assign(simulator.faults, faults);
    expect(await run).toMatchObject({ kind: 'done' });
    const trail = await trailOf(life, jobId);
    results.set(`${name} ${at}`, trail);
    expect(trail).toBe(expected[at]);
    expectOneRun(simulator, jobId);
  });
});

describe.each(Object.entries(OF_ONE_MOMENT))('%s', (name, { server, graph, vramGb, posts, expected }) => {
  it('at its one moment', async () => {
    await using simulator = await harness.simulator(server);
    await using life = await start(simulator);
    const jobId = await life.jobs.accept(graph === undefined ? {} : { graph, outputs: OUTPUTS_OF_TWO });
    const assigned = await life.jobs.assign(jobId, 1, vramGb === undefined ? {} : { vramGb });
    expect(await life.run(assigned)).toMatchObject({ kind: 'done' });
    if (expected.includes('drained'))
      await eventually(async () => (await life.trail()).includes('drained'), { what: 'it is drained' });
    const trail = await trailOf(life, jobId);
    results.set(`${name} ${ONCE}`, trail);
    expect(trail).toBe(expected);
    expect(simulator.counters.promptsPosted).toBe(posts);
    expect(simulator.counters.promptsExecuted[promptIdOf(jobId, 1)] ?? 0).toBeLessThanOrEqual(posts);
  }, 30_000);
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
