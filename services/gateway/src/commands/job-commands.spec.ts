import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  JobAcceptedV3,
  JobCancelledV1,
  JobCancelRequestedV1,
  JobCancelRequestedV2,
  JobCompletedV1,
  JobFailedV1,
  JobRejectedV1,
  JobRequestedV3,
  JobRetryRequestedV1,
  JobScoredV1,
} from '@anime/contracts';
import { uuidv7 } from '@anime/event-store';
import { newerEvent, testEvent } from '@anime/event-store/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TemplateRegistry } from '../templates/template-registry.js';
import { ACTOR, JobDesk, NOW, ORIGIN, waitingLimit } from '../testing/job-desk.js';
import { jobIdOfKey } from './idempotency.js';

let desk: JobDesk;
beforeEach(async () => {
  desk = await JobDesk.open();
});
afterEach(() => desk[Symbol.asyncDispose]());

describe('the commands of jobs', () => {
  const FACTS = { time: NOW, correlationId: ACTOR, actor: 'service:orchestrator' };

  it('store a request with every parameter resolved and a drawn seed', async () => {
    const jobs = await desk.commands({ checkpoint: 'studio.safetensors' });
    const submitted = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox', width: 512 } }, ORIGIN);
    expect(submitted.position).toBe(await desk.log.end());
    const last = await desk.log.lastOfAggregate('job', submitted.jobId);
    expect(last).toMatchObject({
      status: 'event',
      event: {
        type: 'job.requested',
        actor: ACTOR,
        time: NOW,
        data: {
          project: null,
          seedSource: 'drawn',
          parameters: { prompt: 'a fox', width: 512, checkpoint: 'studio.safetensors' },
        },
      },
    });
    expect(last?.status === 'event' && last.event.correlationId === last.event.id).toBe(true);
    expect(Number.isSafeInteger(submitted.job.seed)).toBe(true);
  });

  it('with a key ask once, however often and how many at a time they are sent', async () => {
    const jobs = await desk.commands();
    const command = { type: 'image', parameters: { prompt: 'a fox', width: 512 }, idempotencyKey: 'k-1' } as const;
    const [first, ...others] = await Promise.all([command, command, command].map((each) => jobs.submit(each, ORIGIN)));
    const { jobId, position, job } = first!;
    expect([first, ...others].filter((each) => each?.replayed === false)).toHaveLength(1);
    await desk.log.append(testEvent(JobCompletedV1, jobId, { attempt: 1, verdict: 'passed' }));
    const again = await jobs.submit({ ...command, parameters: { width: 512, prompt: 'a fox' } }, ORIGIN);
    for (const each of [...others, again]) expect(each).toMatchObject({ jobId, position, job });
    expect(again.replayed).toBe(true);
    const requests = (await desk.entries()).filter((e) => e.status === 'event' && e.event.type === JobRequestedV3.type);
    expect(requests).toHaveLength(1);
  });

  it.each([
    ['without a key', undefined],
    ['with a key', 'k-1'],
  ])('%s begin a job only while nothing stands on any subject of it', async (_how, idempotencyKey) => {
    const jobs = await desk.commands();
    const append = desk.log.append.bind(desk.log);
    // Whatever looked at the job before has seen nothing of it.
    desk.log.append = async (event, options) => {
      await desk.log.putRaw({ subject: `anime.job.${event.aggregateId}.orchestrator`, data: 'garbage' });
      return append(event, options);
    };
    const command = { type: 'image', parameters: { prompt: 'a fox' }, idempotencyKey } as const;
    await expect(jobs.submit(command, ORIGIN)).rejects.toMatchObject({ code: 'append-conflict' });
    expect((await desk.entries()).at(-1)).toMatchObject({ status: 'void' });
  });

  it('are answered as the first time when the same key is sent many times at once and one more job may wait', async () => {
    const one = waitingLimit(1);
    const jobs = await desk.commands({ limits: one });
    const command = { type: 'image', parameters: { prompt: 'a fox' }, idempotencyKey: 'k-1' } as const;
    const answers = await Promise.all(Array.from({ length: 6 }, () => jobs.submit(command, ORIGIN)));
    expect(new Set(answers.map(({ jobId }) => jobId)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    await expect(jobs.submit({ ...command, idempotencyKey: 'k-2' }, ORIGIN)).rejects.toMatchObject({
      code: 'queue-full',
    });
  });

  it('are answered from the log although their template is gone, when their key has asked before', async () => {
    const command = { type: 'image', parameters: { prompt: 'a fox' }, idempotencyKey: 'k-1' } as const;
    const { jobId } = await (await desk.commands()).submit(command, ORIGIN);
    const templates = new TemplateRegistry();
    templates.markCaughtUp();
    const jobs = desk.commandsWith(templates);
    expect(await jobs.submit(command, ORIGIN)).toMatchObject({ jobId, replayed: true });
    await expect(jobs.submit({ ...command, idempotencyKey: 'k-2' }, ORIGIN)).rejects.toMatchObject({
      code: 'template-not-found',
    });
  });

  it.each([
    ['prompt', { parameters: { prompt: 'a wolf' } }],
    ['type', { type: 'video' }],
    ['template', { template: 'text-to-image' }],
    ['project', { project: 'demo-film' }],
    ['limits', { limits: { maxAttempts: 1 } }],
  ] as const)('refuse a key that asked for another %s', async (_what, change) => {
    const jobs = await desk.commands();
    const command = { type: 'image', parameters: { prompt: 'a fox' }, idempotencyKey: 'k-1' } as const;
    await jobs.submit(command, ORIGIN);
    const before = await desk.log.end();
    await expect(jobs.submit({ ...command, ...change }, ORIGIN)).rejects.toMatchObject({
      code: 'idempotency-key-reused',
      status: 422,
      errors: [{ path: 'header/idempotency-key' }],
    });
    expect(await desk.log.end()).toBe(before);
    const other = { ...command, idempotencyKey: 'k-2' } as const;
    expect(await jobs.submit(other, ORIGIN)).toMatchObject({ replayed: false });
  });

  it('leave a key to a newer build when only that one can read what it asked for', async () => {
    const jobs = await desk.commands();
    await desk.log.append(newerEvent(JobRequestedV3, jobIdOfKey(ACTOR, 'k-1')));
    const command = { type: 'image', parameters: { prompt: 'a fox' }, idempotencyKey: 'k-1' } as const;
    await expect(jobs.submit(command, ORIGIN)).rejects.toMatchObject({ code: 'newer-contract' });
  });

  it('carry the correlation id that the caller gave', async () => {
    const correlationId = uuidv7();
    const { jobId } = await (
      await desk.commands()
    ).submit({ type: 'image', parameters: { prompt: 'a fox' } }, { ...ORIGIN, correlationId });
    expect(await desk.log.lastOfAggregate('job', jobId)).toMatchObject({ event: { correlationId } });
  });

  it('name every parameter that the template does not take, and store nothing', async () => {
    const jobs = await desk.commands();
    const before = await desk.log.end();
    await expect(
      jobs.submit({ type: 'image', parameters: { prompt: 'a fox', frames: 8, steps: 9_999 } }, ORIGIN),
    ).rejects.toMatchObject({
      code: 'parameter-invalid',
      errors: [{ path: '/frames' }, { path: '/steps' }],
    });
    expect(await desk.log.end()).toBe(before);
  });

  it('store the wish to cancel an open job, and refuse that of one that ended or never was', async () => {
    const jobs = await desk.commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    const { position } = await jobs.cancel(jobId, undefined, ORIGIN);
    expect(await desk.log.lastOfAggregate('job', jobId)).toMatchObject({
      position,
      event: { type: 'job.cancel-requested' },
    });
    await expect(jobs.cancel(uuidv7(), undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-not-found' });
    await desk.log.append({
      ...FACTS,
      id: uuidv7(),
      contract: JobCompletedV1,
      aggregateId: jobId,
      data: { attempt: 1, verdict: 'passed' },
    });
    await expect(jobs.cancel(jobId, undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-ended' });
  });

  it('seal the reason of a cancel with the key of whoever asks, and store nothing when that cannot be done', async () => {
    const jobs = await desk.commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await jobs.cancel(jobId, 'too dark', ORIGIN);
    const last = await desk.log.lastOfAggregate('job', jobId);
    const reason = last?.status === 'event' ? JobCancelRequestedV2.data.parse(last.event.data).reason : null;
    expect(reason).toMatchObject({ subject: ACTOR });
    expect(reason && (await desk.keys.open(reason))).toBe('too dark');
    expect(JSON.stringify(last)).not.toContain('too dark');
    const before = await desk.log.end();
    await writeFile(join(desk.folder, 'keys', `${ACTOR}.key`), 'garbage');
    await expect(jobs.cancel(jobId, 'still too dark', ORIGIN)).rejects.toMatchObject({ code: 'key-damaged' });
    expect(await desk.log.end()).toBe(before);
    expect(await jobs.cancel(jobId, undefined, ORIGIN)).toMatchObject({ position: await desk.log.end() });
  });

  it('read a cancel that a build before this one stored as one without a reason', async () => {
    const jobs = await desk.commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await desk.log.append(testEvent(JobCancelRequestedV1, jobId, {}));
    expect(await desk.log.lastOfAggregate('job', jobId)).toMatchObject({
      event: { type: 'job.cancel-requested', storedName: 'job.cancel-requested.v1', data: { reason: null } },
    });
    expect(await jobs.cancel(jobId, 'too dark', ORIGIN)).toMatchObject({ position: await desk.log.end() });
  });

  it('learn from the read-model that a job ended when a later fact hides it in the log', async () => {
    const jobs = await desk.commands({ endInReadModel: async () => 'completed' });
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await expect(jobs.cancel(jobId, undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-ended' });
  });

  it('do not take garbage on a job’s subject for a job, nor a job for garbage', async () => {
    const jobs = await desk.commands();
    const nobody = uuidv7();
    await desk.log.putRaw({ subject: `anime.job.${nobody}.gateway`, data: 'garbage' });
    await expect(jobs.cancel(nobody, undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-not-found' });
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await desk.log.putRaw({ subject: `anime.job.${jobId}.orchestrator.accepted`, data: JobAcceptedV3.name });
    await jobs.cancel(jobId, undefined, ORIGIN);
    expect(await desk.log.lastOfAggregate('job', jobId)).toMatchObject({ event: { type: 'job.cancel-requested' } });
  });

  it.each([JobRequestedV3, JobCompletedV1, JobFailedV1, JobCancelledV1, JobRejectedV1, JobRetryRequestedV1])(
    'leave a job to a newer build whose $type only that one can read, garbage behind it or not',
    async (contract) => {
      const jobs = await desk.commands();
      const jobId = uuidv7();
      await desk.log.append(newerEvent(contract, jobId));
      for (const behind of ['', 'garbage']) {
        if (behind !== '') await desk.log.putRaw({ subject: `anime.job.${jobId}.gateway`, data: behind });
        await expect(jobs.cancel(jobId, undefined, ORIGIN)).rejects.toMatchObject({
          code: 'newer-contract',
          status: 503,
          message: expect.stringContaining(`${contract.type}.v99`),
        });
      }
    },
  );

  it('go on when what only a newer build can read is not needed to tell that the job is there, or that it has ended', async () => {
    const jobs = await desk.commands();
    const { jobId } = await jobs.submit({ type: 'image', parameters: { prompt: 'a fox' } }, ORIGIN);
    await desk.log.append(newerEvent(JobScoredV1, jobId));
    expect(await jobs.cancel(jobId, undefined, ORIGIN)).toMatchObject({ position: await desk.log.end() });
    const open = uuidv7();
    await desk.log.append(newerEvent(JobRequestedV3, open));
    await desk.log.append(testEvent(JobCancelRequestedV2, open, { reason: null }));
    await desk.log.putRaw({ subject: `anime.job.${open}.gateway`, data: 'garbage' });
    expect(await jobs.cancel(open, undefined, ORIGIN)).toMatchObject({ position: await desk.log.end() });
    const ended = uuidv7();
    await desk.log.append(newerEvent(JobRequestedV3, ended));
    await desk.log.append(testEvent(JobCompletedV1, ended, { attempt: 1, verdict: 'passed' }));
    await desk.log.append(newerEvent(JobCancelledV1, ended));
    await expect(jobs.cancel(ended, undefined, ORIGIN)).rejects.toMatchObject({ code: 'job-ended' });
  });
});
