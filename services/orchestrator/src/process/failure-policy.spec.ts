import {
  ExecutorDrainedV1,
  ExecutorEnvironmentChangedV1,
  ExecutorLostV1,
  ExecutorPausedV1,
  ExecutorRegisteredV1,
  ExecutorResumedV1,
  JobFailedV1,
  JobRetryRequestedV1,
  ProjectCreatedV2,
  WorkflowRegisteredV2,
} from '@anime/contracts';
import { uuidv7 } from '@anime/event-store';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { SAMPLE_GRAPH, SAMPLE_MANIFEST, SAMPLE_WORKFLOW, SHA } from '../testing/sample-template.js';
import { EXECUTOR, WORKFLOW, Studio } from '../testing/studio.js';

const OTHER = uuidv7();
let s: Studio;
beforeEach(async () => {
  s = new Studio();
  await s.append(WorkflowRegisteredV2, WORKFLOW, SAMPLE_WORKFLOW);
  await s.register(EXECUTOR, 'small', 8);
  await s.settle();
});

async function requested(): Promise<string> {
  const jobId = await s.request();
  await s.settle();
  return jobId;
}
async function faulted(jobId: string): Promise<void> {
  await s.append(ExecutorDrainedV1, EXECUTOR, { reason: 'gpu-fault', message: 'm', promptId: null });
  await s.failAttempt(jobId, 'gpu-fault');
}
/** Something was installed there. */
async function equipped(executorId: string): Promise<void> {
  await s.append(ExecutorEnvironmentChangedV1, executorId, {
    environment: SHA,
    comfyuiVersion: '2',
    pythonVersion: null,
    pytorchVersion: null,
    cudaVersion: null,
    os: null,
    arguments: [],
    devices: [{ name: 'cuda:0', type: 'cuda', vramBytes: 8e9 }],
    nodeDefinitions: { blob: SHA, size: 2, classes: 0 },
    packs: [],
  });
}
/** Its attempts run out of memory, one after the other; the next one is assigned. */
async function runOut(jobId: string, times = 1): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    await s.failAttempt(jobId, 'oom');
    await s.settle();
    await s.pass(60);
  }
}
/** Version 2 of the template has a variant for less memory. */
async function withLowMemory(): Promise<void> {
  const manifest = { ...SAMPLE_MANIFEST, version: 2, lowMemory: { vramGb: 2 } };
  const lowMemory = { graph: { inline: SAMPLE_GRAPH }, graphHash: SHA };
  await s.append(WorkflowRegisteredV2, WORKFLOW, { ...SAMPLE_WORKFLOW, version: 2, manifest, lowMemory });
}
async function requestedWithLowMemory(): Promise<string> {
  const jobId = await s.request({ prompt: 'x' }, 2);
  await s.settle();
  return jobId;
}
/** A job of version 2 that was decided to go to a bigger GPU, and whose like have learned that they need one. */
async function decidedForTheBigOne(): Promise<string> {
  await withLowMemory();
  const jobId = await s.request({ prompt: 'x' }, 2, null, { maxAttempts: 5 });
  await s.settle();
  await s.register(OTHER, 'big', 24);
  await s.settle();
  await runOut(jobId);
  await s.failAttempt(jobId, 'oom');
  await s.settle();
  expect((await s.trail(jobId)).at(-1)).toBe('retry-scheduled');
  return jobId;
}
const assignedTo = async (jobId: string): Promise<string | undefined> => (await s.assignment(jobId))?.executorId;
const endOf = async (jobId: string): Promise<unknown> =>
  (await s.events(jobId)).find(({ type }) => type === JobFailedV1.type)?.data;

describe('an executor whose GPU is at fault', () => {
  it.each([
    ['somebody resumes it', () => s.append(ExecutorResumedV1, EXECUTOR, {})],
    ['it registers anew', () => s.register(EXECUTOR, 'small', 8)],
  ] as const)('is given nothing until %s', async (_what, mend) => {
    const jobId = await requested();
    await faulted(jobId);
    await s.settle();
    await s.pass(120);
    expect((await s.trail(jobId)).at(-1)).toBe('retry-scheduled');
    await mend();
    await s.settle();
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 2, executorId: EXECUTOR });
  });

  it('loses its job to another one', async () => {
    const jobId = await requested();
    await s.register(OTHER, 'other', 8);
    await faulted(jobId);
    await s.settle();
    await s.pass(60);
    expect(await assignedTo(jobId)).toBe(OTHER);
  });
});

describe('an executor that is paused, or whose server runs nothing', () => {
  it.each([
    ['paused', () => s.append(ExecutorPausedV1, EXECUTOR, { reason: null })],
    [
      'drained',
      () => s.append(ExecutorDrainedV1, EXECUTOR, { reason: 'worker-stopped', message: 'm', promptId: null }),
    ],
  ] as const)('is given nothing while it is %s, and then what waits', async (_how, halt) => {
    await halt();
    await s.settle();
    const jobId = await requested();
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted']);
    await s.append(ExecutorResumedV1, EXECUTOR, {});
    await s.settle();
    expect(await assignedTo(jobId)).toBe(EXECUTOR);
  });
});

describe('a job that runs out of memory', () => {
  it('is run with the memory freed, then on a bigger GPU; its like go there at once from then on', async () => {
    const jobId = await requested();
    await s.register(OTHER, 'big', 24);
    await runOut(jobId);
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 2, executorId: EXECUTOR, freeMemory: true });
    await runOut(jobId);
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 3, executorId: OTHER, vramGb: 4 });
    expect(await assignedTo(await requested())).toBe(OTHER);
  });

  it('is run in the variant that needs less when no GPU is bigger; its like begin with that', async () => {
    await withLowMemory();
    const jobId = await requestedWithLowMemory();
    await runOut(jobId, 2);
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 3, variant: 'low-memory', vramGb: 2 });
    const like = await s.request({ prompt: 'y' }, 2);
    await s.settle();
    expect(await s.assignment(like)).toMatchObject({ attempt: 1, variant: 'low-memory' });
  });

  it('is run in the variant that needs less by its last attempt, and fails with what would help', async () => {
    await withLowMemory();
    await s.register(uuidv7(), 'middle', 12);
    await s.register(OTHER, 'big', 24);
    const jobId = await requestedWithLowMemory();
    await runOut(jobId, 2);
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 3, variant: 'low-memory', vramGb: 2 });
    await runOut(jobId);
    expect(await endOf(jobId)).toMatchObject({
      class: 'oom',
      message: expect.stringMatching(/^m\. What would help: /),
    });
  });

  const gone = (contract: typeof ExecutorLostV1 | typeof ExecutorDrainedV1) =>
    contract === ExecutorLostV1
      ? s.append(ExecutorLostV1, OTHER, { silentMs: 30_000 })
      : s.append(ExecutorDrainedV1, OTHER, { reason: 'gpu-fault', message: 'm', promptId: null });
  it.each([ExecutorLostV1, ExecutorDrainedV1])(
    'is run in the variant that needs less when the bigger GPU that it was to have is gone: $type',
    async (contract) => {
      const jobId = await decidedForTheBigOne();
      await gone(contract);
      await s.settle();
      await s.pass(60);
      expect(await s.assignment(jobId)).toMatchObject({ attempt: 3, executorId: EXECUTOR, variant: 'low-memory' });
      const like = await requestedWithLowMemory();
      expect(await s.assignment(like)).toMatchObject({ executorId: EXECUTOR, variant: 'low-memory' });
    },
  );

  it('waits for the bigger GPU that is only paused', async () => {
    const jobId = await decidedForTheBigOne();
    await s.append(ExecutorPausedV1, OTHER, { reason: null });
    await s.settle();
    await s.pass(60);
    expect((await s.trail(jobId)).at(-1)).toBe('retry-scheduled');
    await s.append(ExecutorResumedV1, OTHER, {});
    await s.settle();
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 3, executorId: OTHER, variant: 'normal', vramGb: 4 });
  });

  it('waits for the bigger GPU that is lost when its template has no other variant', async () => {
    const jobId = await requested();
    await s.register(OTHER, 'big', 24);
    await runOut(jobId);
    await s.failAttempt(jobId, 'oom');
    await s.settle();
    await gone(ExecutorLostV1);
    await s.settle();
    await s.pass(60);
    expect((await s.trail(jobId)).at(-1)).toBe('retry-scheduled');
    const like = await requested();
    expect(await s.trail(like)).toEqual(['requested', 'accepted']);
  });

  it('that somebody wants again after it failed goes to a GPU that is bigger', async () => {
    const jobId = await requested();
    await runOut(jobId, 2);
    expect(await endOf(jobId)).toMatchObject({ class: 'oom' });
    await s.register(OTHER, 'big', 24);
    await s.append(JobRetryRequestedV1, jobId, { reason: null });
    await s.settle();
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 3, executorId: OTHER });
  });

  it('teaches by a run that had the memory for itself how big a GPU its like need', async () => {
    await s.register(OTHER, 'big', 24);
    await s.append(ExecutorPausedV1, EXECUTOR, { reason: null });
    const jobId = await requested();
    await runOut(jobId);
    expect(await s.assignment(jobId)).toMatchObject({ executorId: OTHER, freeMemory: true });
    await s.run(jobId, 7e9);
    await s.append(ExecutorResumedV1, EXECUTOR, {});
    await s.settle();
    // A fifth more than 7 GB is more than the smaller one has, which would be the first choice else.
    expect(await s.assignment(await requested())).toMatchObject({ executorId: OTHER, vramGb: 4 });
    const larger = await s.request({ prompt: 'x', width: '9' });
    await s.settle();
    expect(await assignedTo(larger)).toBe(EXECUTOR);
  });

  it('is given to a GPU that has exactly what it needs, whatever the figure', async () => {
    const exact = 8_589_606_912;
    const devices = [{ name: 'cuda:0', vramBytes: exact }];
    await s.append(ExecutorRegisteredV1, OTHER, { name: 'exact', comfyuiVersion: '1', simulator: true, devices });
    const manifest = { ...SAMPLE_MANIFEST, version: 2, vramGb: exact / 1e9 };
    await s.append(WorkflowRegisteredV2, WORKFLOW, { ...SAMPLE_WORKFLOW, version: 2, manifest });
    const jobId = await requestedWithLowMemory();
    expect(await assignedTo(jobId)).toBe(OTHER);
  });

  it('is rejected before it begins when no registered GPU has what its template needs', async () => {
    const manifest = { ...SAMPLE_MANIFEST, version: 2, vramGb: 40 };
    await s.append(WorkflowRegisteredV2, WORKFLOW, { ...SAMPLE_WORKFLOW, version: 2, manifest });
    const jobId = await s.request({ prompt: 'x' }, 2);
    await s.settle();
    expect((await s.events(jobId)).at(-1)).toMatchObject({
      type: 'job.rejected',
      data: { class: 'oom', message: 'it needs 40 GB of GPU memory; the largest GPU here has 8.0 GB' },
    });
  });
});

describe('a job that its executor declines', () => {
  it('goes to another, and fails with what is missing when none is left; what was declined counts as no attempt', async () => {
    const jobId = await requested();
    await s.register(OTHER, 'other', 8);
    await s.decline(jobId, 'missing-node');
    await s.settle();
    await s.pass(60);
    expect(await assignedTo(jobId)).toBe(OTHER);
    await s.decline(jobId, 'missing-node');
    await s.settle();
    expect(await endOf(jobId)).toEqual({ class: 'missing-node', message: 'declined: missing-node', attempts: 0 });
  });

  it('comes back to an executor where something was installed since', async () => {
    const jobId = await requested();
    await s.register(OTHER, 'other', 8);
    await s.append(ExecutorPausedV1, OTHER, { reason: null });
    await s.decline(jobId, 'missing-model');
    await s.settle();
    await s.pass(60);
    expect((await s.trail(jobId)).at(-1)).toBe('retry-scheduled');
    await equipped(EXECUTOR);
    await s.settle();
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 2, executorId: EXECUTOR });
  });
});

describe('a job that one executor declines while another is equipped for it', () => {
  it('goes to that one, though the other declines, too', async () => {
    const jobId = await requested();
    await s.register(OTHER, 'other', 8);
    await s.decline(jobId, 'missing-model');
    await s.settle();
    await s.pass(60);
    expect(await assignedTo(jobId)).toBe(OTHER);
    await equipped(EXECUTOR);
    await s.decline(jobId, 'missing-model');
    await s.settle();
    await s.pass(60);
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 3, executorId: EXECUTOR });
  });
});

describe('a job whose executor is lost again and again', () => {
  it('is taken for the cause, though there is another executor that is too small for it', async () => {
    await s.register(OTHER, 'tiny', 2);
    const jobId = await requested();
    for (let n = 0; n < 3; n += 1) {
      expect(await assignedTo(jobId)).toBe(EXECUTOR);
      await s.begin(jobId);
      await s.loseAndRecover(EXECUTOR);
      await s.pass(60);
    }
    expect(await endOf(jobId)).toMatchObject({ class: 'executor-lost' });
  });
});

describe('a failed job that somebody wants again', () => {
  it('is tried again with the next attempt, also by a process that begins anew', async () => {
    const jobId = await requested();
    await s.failAttempt(jobId, 'internal');
    await s.settle();
    expect(await endOf(jobId)).toMatchObject({ class: 'internal', attempts: 1 });
    await s.append(JobRetryRequestedV1, jobId, { reason: null });
    const fresh = s.orchestrator();
    await s.settle(fresh);
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 2, executorId: EXECUTOR });
    await s.run(jobId);
    await s.settle(fresh);
    expect((await s.trail(jobId)).at(-1)).toBe('completed');
  });

  it('stays ended when it has not failed', async () => {
    const jobId = await requested();
    await s.run(jobId);
    await s.settle();
    await s.append(JobRetryRequestedV1, jobId, { reason: null });
    await s.settle();
    expect((await s.trail(jobId)).at(-1)).toBe('retry-requested');
    expect(s.process.work.job(jobId)).toBeUndefined();
  });
});

describe('a project with a limit of jobs that run', () => {
  it('is given no more at a time, and the next one when one has ended', async () => {
    const project = { id: uuidv7(), slug: 'film' };
    await s.append(ProjectCreatedV2, project.id, { slug: 'film', title: 'Film', settings: { runningLimit: 1 } });
    const [first, second] = [
      await s.request({ prompt: 'x' }, 1, project),
      await s.request({ prompt: 'y' }, 1, project),
    ];
    const third = await s.request();
    await s.settle();
    expect([await assignedTo(first), await assignedTo(second), await assignedTo(third)]).toEqual([
      EXECUTOR,
      undefined,
      EXECUTOR,
    ]);
    await s.run(first);
    await s.settle();
    expect(await assignedTo(second)).toBe(EXECUTOR);
  });
});
