import {
  ExecutorDrainedV1,
  ExecutorLostV1,
  ExecutorRecoveredV1,
  ExecutorResumedV1,
  JobFailedV1,
  WorkflowRegisteredV2,
} from '@anime/contracts';
import { uuidv7 } from '@anime/event-store';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { SAMPLE_WORKFLOW } from '../testing/sample-template.js';
import { EXECUTOR, Studio, WORKFLOW } from '../testing/studio.js';

const BIG = uuidv7();
let s: Studio;
beforeEach(async () => {
  s = new Studio();
  await s.append(WorkflowRegisteredV2, WORKFLOW, SAMPLE_WORKFLOW);
  await s.register(EXECUTOR, 'small', 8);
  await s.register(BIG, 'big', 24);
  await s.settle();
});
const endOf = async (jobId: string): Promise<unknown> =>
  (await s.events(jobId)).find(({ type }) => type === JobFailedV1.type)?.data;
const lose = (executorId: string) => s.append(ExecutorLostV1, executorId, { silentMs: 30_000 });
async function requested(): Promise<string> {
  const jobId = await s.request();
  await s.settle();
  expect(await s.assignment(jobId)).toMatchObject({ executorId: EXECUTOR });
  return jobId;
}
async function declined(): Promise<string> {
  await lose(BIG);
  const jobId = await requested();
  await s.decline(jobId, 'missing-model');
  await s.settle();
  return jobId;
}
/** It ran out of memory with everything unloaded, too. */
async function ranOut(away: () => Promise<void>): Promise<string> {
  await away();
  const jobId = await requested();
  for (let n = 0; n < 2; n += 1) {
    await s.failAttempt(jobId, 'oom');
    await s.settle();
    await s.pass(60);
  }
  return jobId;
}

describe('a job that only an executor could run that is lost', () => {
  it('waits for it', async () => {
    const jobId = await declined();
    await s.pass(3_500);
    expect((await s.trail(jobId)).at(-1)).toBe('retry-scheduled');
    await s.append(ExecutorRecoveredV1, BIG, {});
    await s.settle();
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 2, executorId: BIG });
  });

  it('fails with the reason an hour after the loss', async () => {
    const jobId = await declined();
    await s.pass(3_600);
    expect(await endOf(jobId)).toEqual({
      class: 'missing-model',
      message: 'declined: missing-model. It waited for big (24.0 GB), which is lost',
      attempts: 0,
    });
  });

  it('fails at once when that one has been lost for longer', async () => {
    await lose(BIG);
    await s.pass(3_601);
    const jobId = await requested();
    await s.decline(jobId, 'missing-model');
    await s.settle();
    expect(await endOf(jobId)).toMatchObject({ class: 'missing-model' });
  });

  it('goes on waiting while nobody at all is there', async () => {
    const jobId = await declined();
    await lose(EXECUTOR);
    await s.settle();
    await s.pass(10_000);
    expect((await s.trail(jobId)).at(-1)).toBe('retry-scheduled');
  });
});

describe('a job that ran out of memory beside a bigger GPU that is away', () => {
  it('waits for one that is lost, and fails an hour after the loss with its name', async () => {
    const waits = await ranOut(() => lose(BIG));
    expect((await s.trail(waits)).at(-1)).toBe('retry-scheduled');
    await s.pass(3_600);
    expect(await endOf(waits)).toEqual({
      class: 'oom',
      message:
        'm. What would help: big (24.0 GB), which is lost, back at work; ' +
        'a variant of its template that needs less; a smaller size, or less at a time',
      attempts: 2,
    });
  });

  it('is run there when that one is heard again', async () => {
    const jobId = await ranOut(() => lose(BIG));
    await s.append(ExecutorRecoveredV1, BIG, {});
    await s.settle();
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 3, executorId: BIG, freeMemory: true });
  });

  it('waits for one that is drained until somebody mends it', async () => {
    const drain = { reason: 'gpu-fault', message: 'm', promptId: null } as const;
    const jobId = await ranOut(() => s.append(ExecutorDrainedV1, BIG, drain));
    await s.pass(100_000);
    expect((await s.trail(jobId)).at(-1)).toBe('retry-scheduled');
    await s.append(ExecutorResumedV1, BIG, {});
    await s.settle();
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 3, executorId: BIG });
  });

  it('leaves its like, which were never tried, to the GPU that is there once the other is away for good', async () => {
    await ranOut(() => lose(BIG));
    const like = await s.request();
    await s.settle();
    expect(await s.trail(like)).toEqual(['requested', 'accepted']);
    await s.pass(3_600);
    expect(await s.assignment(like)).toMatchObject({ attempt: 1, executorId: EXECUTOR });
  });
});
