import { expect, it } from '@jest/globals';
import { JobAssignedV2, JobCancelOrderedV1, JobCancelRequestedV2, JobStartedV2 } from '@anime/contracts';
import { lastEventOnSubject } from '../../last-event-on-subject.js';
import { JobSampledV1, JobSampledV2, SAMPLED_V1 } from '../sampled-contracts.js';
import { testEvent } from '../test-event.js';
import type { ConformanceFactory } from './harness.js';
import { assigned, cancelRequested, EXECUTOR, JOB, OTHER_JOB, started, termStarted } from './samples.js';

const ORDERS = [JobAssignedV2, JobCancelOrderedV1] as const;

export function lastEventCases(factory: ConformanceFactory): void {
  it('is found with one look when it is the last message of its subject', async () => {
    const { log } = await factory();
    await log.append(started(1));
    await log.append(started(2));
    await log.append(cancelRequested());
    const once = {
      lastOnSubject: log.lastOnSubject.bind(log),
      readAggregate: () => {
        throw new Error('the aggregate was read');
      },
    };
    expect(await lastEventOnSubject(once, [JobStartedV2], JOB)).toMatchObject({ position: 2, data: { attempt: 2 } });
    expect(await lastEventOnSubject(once, [JobStartedV2], OTHER_JOB)).toBeUndefined();
  });

  it('is found behind garbage and fenced decisions, which have no effect', async () => {
    const { log, root, putRaw } = await factory();
    await log.append(termStarted(1));
    await log.append(assigned(1, 1));
    const garbage = () => putRaw({ subject: `${root}.job.${JOB}.orchestrator.${EXECUTOR}`, data: 'garbage' });
    await garbage();
    const last = () => lastEventOnSubject(log, ORDERS, JOB, EXECUTOR);
    expect(await last()).toMatchObject({ position: 2, data: { attempt: 1 } });
    await log.append(termStarted(2));
    await log.append(assigned(2, 1));
    expect(await last()).toMatchObject({ position: 2, data: { attempt: 1 } });
    await log.append(assigned(3, 2));
    await garbage();
    expect(await last()).toMatchObject({ position: 6, data: { attempt: 3 } });
  });

  it('is not there when its subject has nothing but garbage', async () => {
    const { log, root, putRaw } = await factory();
    await putRaw({ subject: `${root}.job.${JOB}.comfyui-executor`, data: 'garbage' });
    expect(await lastEventOnSubject(log, [JobStartedV2], JOB)).toBeUndefined();
  });

  it('is of the contracts that were asked for and of that executor alone', async () => {
    const { log, root, putRaw } = await factory();
    const order = { attempt: 1, executorId: EXECUTOR, promptId: OTHER_JOB };
    await log.append(assigned(1, 1));
    await log.append(testEvent(JobCancelOrderedV1, JOB, order, { epoch: 1 }));
    await log.append(testEvent(JobCancelOrderedV1, JOB, { ...order, executorId: OTHER_JOB }, { epoch: 1 }));
    for (const garbage of [false, true]) {
      if (garbage) await putRaw({ subject: `${root}.job.${JOB}.orchestrator.${EXECUTOR}`, data: 'garbage' });
      expect(await lastEventOnSubject(log, [JobAssignedV2], JOB, EXECUTOR)).toMatchObject({ position: 1 });
      expect(await lastEventOnSubject(log, ORDERS, JOB, EXECUTOR)).toMatchObject({ position: 2 });
      expect(await lastEventOnSubject(log, [JobAssignedV2], JOB, OTHER_JOB)).toBeUndefined();
    }
  });

  it('that is newer than the reader knows is no answer: it refuses, unless a known one or none of those types came after', async () => {
    const { log, root, putRaw, readBy } = await factory();
    const reader = readBy(SAMPLED_V1);
    const last = () => lastEventOnSubject(reader, [JobSampledV1], JOB);
    const refusal = { code: 'newer-contract', message: expect.stringContaining('job.sampled.v2 at position 2') };
    await log.append(cancelRequested());
    await log.append(testEvent(JobSampledV2, JOB, { words: [], count: 0 }));
    await expect(last()).rejects.toMatchObject(refusal);
    expect(await lastEventOnSubject(reader, [JobCancelRequestedV2], JOB)).toMatchObject({ position: 1 });
    await putRaw({ subject: `${root}.job.${JOB}.gateway`, data: 'garbage' });
    await expect(last()).rejects.toMatchObject(refusal);
    await log.append(testEvent(JobSampledV1, JOB, { words: ['known'] }));
    await putRaw({ subject: `${root}.job.${JOB}.gateway`, data: 'garbage' });
    expect(await last()).toMatchObject({ position: 4, data: { words: ['known'] } });
  });
}
