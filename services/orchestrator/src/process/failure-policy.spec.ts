import {
  ExecutorDrainedV1,
  ExecutorEnvironmentChangedV1,
  ExecutorPausedV1,
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
    await s.failAttempt(jobId, 'oom');
    await s.settle();
    await s.pass(60);
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 2, executorId: EXECUTOR, freeMemory: true });
    await s.failAttempt(jobId, 'oom');
    await s.settle();
    await s.pass(60);
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 3, executorId: OTHER, vramGb: 24 });
    expect(await assignedTo(await requested())).toBe(OTHER);
  });

  it('is run in the variant that needs less when no GPU is bigger; its like begin with that', async () => {
    const manifest = { ...SAMPLE_MANIFEST, version: 2, lowMemory: { vramGb: 2 } };
    const lowMemory = { graph: { inline: SAMPLE_GRAPH }, graphHash: SHA };
    await s.append(WorkflowRegisteredV2, WORKFLOW, { ...SAMPLE_WORKFLOW, version: 2, manifest, lowMemory });
    const jobId = await s.request({ prompt: 'x' }, 2);
    await s.settle();
    for (let n = 0; n < 2; n += 1) {
      await s.failAttempt(jobId, 'oom');
      await s.settle();
      await s.pass(60);
    }
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 3, variant: 'low-memory', vramGb: 2 });
    const like = await s.request({ prompt: 'y' }, 2);
    await s.settle();
    expect(await s.assignment(like)).toMatchObject({ attempt: 1, variant: 'low-memory' });
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
    await s.append(ExecutorEnvironmentChangedV1, EXECUTOR, {
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
    await s.settle();
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 2, executorId: EXECUTOR });
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
