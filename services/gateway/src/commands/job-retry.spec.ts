import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { JobCompletedV1, JobFailedV1, JobRetryRequestedV1, JobScoredV1 } from '@anime/contracts';
import { uuidv7 } from '@anime/event-store';
import { newerEvent, testEvent } from '@anime/event-store/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ACTOR, JobDesk, ORIGIN } from '../testing/job-desk.js';

let desk: JobDesk;
beforeEach(async () => {
  desk = await JobDesk.open();
});
afterEach(() => desk[Symbol.asyncDispose]());

describe('the commands of jobs', () => {
  const failed = (jobId: string) => testEvent(JobFailedV1, jobId, { class: 'oom', message: 'no memory', attempts: 3 });
  /** A fact that comes when it likes. */
  const scored = (jobId: string, scorerBuild = 'b') =>
    testEvent(JobScoredV1, jobId, {
      attempt: 1,
      scorerBuild,
      outputs: [
        {
          node: '9',
          index: 0,
          blob: 'a'.repeat(64),
          metrics: [{ status: 'unavailable', id: 'aesthetic', version: '1', reason: 'no model' }],
        },
      ],
    });
  const types = async (jobId: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const entry of desk.log.readAggregate('job', jobId))
      if (entry.status === 'event') found.push(entry.event.type);
    return found;
  };

  it('have a failed job tried again, with the reason sealed, and no other', async () => {
    const jobs = await desk.commands();
    await expect(jobs.retry(uuidv7(), 'why not', ORIGIN)).rejects.toMatchObject({ code: 'job-not-found' });
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await expect(jobs.retry(jobId, 'why not', ORIGIN)).rejects.toMatchObject({ code: 'job-not-failed', status: 409 });
    expect(await readdir(join(desk.folder, 'keys')).catch(() => [])).toEqual([]);
    await desk.log.append(failed(jobId));
    await desk.log.append(scored(jobId));
    const { position } = await jobs.retry(jobId, 'more memory now', ORIGIN);
    const last = await desk.log.lastOfAggregate('job', jobId);
    expect(last).toMatchObject({ position, event: { type: 'job.retry-requested', actor: ACTOR } });
    const reason = last?.status === 'event' ? JobRetryRequestedV1.data.parse(last.event.data).reason : null;
    expect(reason && (await desk.keys.open(reason))).toBe('more memory now');
    await expect(jobs.retry(jobId, undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-not-failed' });
    await desk.log.append(failed(jobId));
    await jobs.retry(jobId, undefined, ORIGIN);
    await desk.log.append(testEvent(JobCompletedV1, jobId, { attempt: 3, verdict: 'passed' }));
    await expect(jobs.retry(jobId, undefined, ORIGIN)).rejects.toMatchObject({
      code: 'job-not-failed',
      message: expect.stringContaining('it is completed'),
    });
  });

  it('store one of many wishes at a time to have a job tried again, and refuse the others', async () => {
    const jobs = await desk.commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await desk.log.append(failed(jobId));
    const wishes = await Promise.allSettled(Array.from({ length: 5 }, () => jobs.retry(jobId, undefined, ORIGIN)));
    expect(wishes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const wish of wishes)
      if (wish.status === 'rejected') expect(wish.reason).toMatchObject({ code: 'job-not-failed', status: 409 });
    expect(await types(jobId)).toEqual(['job.requested', 'job.failed', 'job.retry-requested']);
  });

  it('take a fact that comes in between for none, and have the job tried again all the same', async () => {
    const jobs = await desk.commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await desk.log.append(failed(jobId));
    const append = desk.log.append.bind(desk.log);
    let between = 1;
    desk.log.append = async (event, options) => {
      if (between-- > 0) await append(scored(jobId));
      return append(event, options);
    };
    await jobs.retry(jobId, undefined, ORIGIN);
    expect((await types(jobId)).slice(-2)).toEqual(['job.scored', 'job.retry-requested']);
  });

  it('leave a failed job to a newer build whose wish to try it again only that one can read', async () => {
    const jobs = await desk.commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await desk.log.append(failed(jobId));
    await desk.log.append(newerEvent(JobRetryRequestedV1, jobId));
    for (const wish of [jobs.cancel(jobId, undefined, ORIGIN), jobs.retry(jobId, undefined, ORIGIN)])
      await expect(wish).rejects.toMatchObject({ code: 'newer-contract' });
  });

  it('cancel a job that is tried again although the read-model has not seen that yet', async () => {
    const jobs = await desk.commands({ endInReadModel: async () => 'failed' });
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await desk.log.append(failed(jobId));
    await desk.log.append(scored(jobId));
    await expect(jobs.cancel(jobId, undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-ended' });
    await jobs.retry(jobId, undefined, ORIGIN);
    await desk.log.append(scored(jobId, 'c'));
    expect(await jobs.cancel(jobId, undefined, ORIGIN)).toMatchObject({ position: await desk.log.end() });
  });
});
