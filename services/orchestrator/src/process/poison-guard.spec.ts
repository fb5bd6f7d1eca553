import {
  ExecutorLostV1,
  ExecutorPausedV1,
  ExecutorRecoveredV1,
  ExecutorResumedV1,
  JobFailedV1,
  WorkflowRegisteredV2,
} from '@anime/contracts';
import { uuidv7 } from '@anime/event-store';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { SAMPLE_WORKFLOW } from '../testing/sample-template.js';
import { EXECUTOR, Studio, WORKFLOW } from '../testing/studio.js';

const [B, C] = [uuidv7(), uuidv7()];
let s: Studio;
beforeEach(async () => {
  s = new Studio();
  await s.append(WorkflowRegisteredV2, WORKFLOW, SAMPLE_WORKFLOW);
  await s.register(EXECUTOR, 'a', 8);
  await s.settle();
});
async function requested(): Promise<string> {
  const jobId = await s.request();
  await s.settle();
  return jobId;
}
const assignedTo = async (jobId: string): Promise<string> => (await s.assignment(jobId)).executorId;
const endOf = async (jobId: string): Promise<unknown> =>
  (await s.events(jobId)).find(({ type }) => type === JobFailedV1.type)?.data;

describe('a job whose executors are lost by turns', () => {
  it('is taken for the cause though it failed otherwise on the one that was not lost', async () => {
    await s.register(B, 'b', 8);
    await s.register(C, 'c', 8);
    for (const each of [EXECUTOR, B]) await s.append(ExecutorPausedV1, each, { reason: null });
    await s.settle();
    const jobId = await requested();
    expect(await assignedTo(jobId)).toBe(C);
    await s.failAttempt(jobId, 'transient');
    for (const each of [EXECUTOR, B]) await s.append(ExecutorResumedV1, each, {});
    await s.settle();
    await s.pass(60);
    const lostOn: string[] = [];
    while ((await endOf(jobId)) === undefined && lostOn.length < 9) {
      const on = await assignedTo(jobId);
      await s.begin(jobId);
      await s.append(ExecutorLostV1, on, { silentMs: 30_000 });
      await s.settle();
      const previous = lostOn.at(-1);
      if (previous !== undefined && previous !== on) await s.append(ExecutorRecoveredV1, previous, {});
      lostOn.push(on);
      await s.settle();
      await s.pass(60);
    }
    expect(lostOn).toEqual([EXECUTOR, B, C]);
    expect(await endOf(jobId)).toEqual({
      class: 'executor-lost',
      message: '3 times its executor was lost while it ran (3 of them): it may be the cause',
      attempts: 4,
    });
  });
});

describe('a job whose executor is lost again and again before it has begun', () => {
  it('is not the cause: it goes on, and fails with the truth when that is so for too long', async () => {
    const jobId = await requested();
    for (let n = 0; n < 9; n += 1) {
      await s.loseAndRecover(EXECUTOR);
      await s.pass(60);
    }
    expect(await s.assignment(jobId)).toMatchObject({ attempt: 10 });
    await s.loseAndRecover(EXECUTOR);
    expect(await endOf(jobId)).toEqual({
      class: 'executor-lost',
      message: '10 times its executor was lost before it had begun (1 of them); it was never run to its end',
      attempts: 0,
    });
  });
});
