import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { JobAttemptFailedV2, JobCancelOrderedV1, JobExecutedV2, JobScoredV1, JobStartedV2 } from '@anime/contracts';
import { executorIdOf } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { eventsOf, newerEvent } from '@anime/event-store/testing';
import { JobLog } from '../testing/job-log.js';
import { AttemptJournal } from './attempt-journal.js';

const CLAIM = randomUUID();
let log: MemoryLog;
let jobs: JobLog;
let journal: AttemptJournal;
beforeEach(() => {
  log = new MemoryLog();
  jobs = new JobLog(log, executorIdOf('studio', 'test'));
  journal = new AttemptJournal(log);
});

const garbageOn = (jobId: string, producer: string): Promise<number> =>
  log.putRaw({ subject: `${log.root}.job.${jobId}.${producer}`, data: 'garbage' });

describe('garbage on a job’s subjects', () => {
  it('does not hide what the job was accepted as', async () => {
    const jobId = await jobs.accept();
    await garbageOn(jobId, 'orchestrator.accepted');
    expect(await journal.accepted(jobId)).toMatchObject({ template: { id: 'text-to-image' } });
  });

  it('takes no order back, and does not bring one back that was', async () => {
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    await garbageOn(jobId, `orchestrator.${jobs.executorId}`);
    expect(await journal.isCurrent(assigned)).toBe(true);
    expect(await journal.isAbandoned(jobId, 1, jobs.executorId)).toBe(false);
    await jobs.orderCancel(jobId);
    await garbageOn(jobId, `orchestrator.${jobs.executorId}`);
    expect(await journal.isCurrent(assigned)).toBe(false);
    expect(await journal.isAbandoned(jobId, 1, jobs.executorId)).toBe(true);
  });

  it('keeps nobody from a claim, and does not make a second one', async () => {
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    await garbageOn(jobId, 'comfyui-executor');
    expect(await journal.claim(assigned, { claim: CLAIM, environment: null })).toEqual({ kind: 'claim' });
    await garbageOn(jobId, 'comfyui-executor');
    expect(await journal.claim(assigned, { claim: randomUUID(), environment: null })).toEqual({
      kind: 'adopt',
      claim: CLAIM,
    });
    expect(await eventsOf(log, JobStartedV2, jobId)).toHaveLength(1);
  });

  it('that comes between a look and the claim only makes it look again', async () => {
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    const append = log.append.bind(log);
    let garbage = 3;
    log.append = async (event, options) => {
      if (garbage-- > 0) await garbageOn(jobId, 'comfyui-executor');
      return append(event, options);
    };
    expect(await journal.claim(assigned, { claim: CLAIM, environment: null })).toEqual({ kind: 'claim' });
    expect(await eventsOf(log, JobStartedV2, jobId)).toMatchObject([{ data: { claim: CLAIM } }]);
  });
});

describe('an order of a newer version than this build knows', () => {
  it('replaces those before it, though it is for a newer build to carry out', async () => {
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    await log.append(newerEvent(JobCancelOrderedV1, jobId, { executorId: jobs.executorId }));
    expect(await log.lastOfAggregate('job', jobId)).toMatchObject({ status: 'newer' });
    expect(await journal.isCurrent(assigned)).toBe(false);
    expect(await journal.isAbandoned(jobId, 1, jobs.executorId)).toBe(true);
  });
});

describe('a fact of a newer version than this build knows', () => {
  const NEWER = { code: 'newer-contract', message: expect.stringMatching(/v99 at position 3/) };

  it.each([JobStartedV2, JobExecutedV2, JobAttemptFailedV2])(
    'lets nobody claim the attempt or stop the prompt that it may be about: $type',
    async (contract) => {
      const jobId = await jobs.accept();
      const assigned = await jobs.assign(jobId);
      await log.append(newerEvent(contract, jobId));
      await garbageOn(jobId, 'comfyui-executor');
      await expect(journal.claimable(assigned)).rejects.toMatchObject(NEWER);
      await expect(journal.claim(assigned, { claim: CLAIM, environment: null })).rejects.toMatchObject(NEWER);
      await expect(journal.hasEnded(jobId, 1)).rejects.toMatchObject(NEWER);
      expect(await journal.isAbandoned(jobId, 1, jobs.executorId)).toBe(false);
      expect(await eventsOf(log, JobStartedV2, jobId)).toEqual([]);
    },
  );

  it('that tells nothing of an attempt’s start and end keeps nobody from a claim', async () => {
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    await log.append(newerEvent(JobScoredV1, jobId));
    await garbageOn(jobId, 'comfyui-executor');
    expect(await journal.claim(assigned, { claim: CLAIM, environment: null })).toEqual({ kind: 'claim' });
  });
});
