import { JobAcceptedV3, JobCancelledV1, JobExecutedV2, JobStartedV2 } from '@anime/contracts';
import { promptIdOf } from '@anime/event-store';
import { unwrap } from '@anime/gateway-client';
import { eventually } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

describe('a cancel', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start({ stepDelayMs: 50 });
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  const cancel = (jobId: string) =>
    unwrap(studio.client.POST('/api/anime/jobs/{id}/cancel', { params: { path: { id: jobId } } }));

  async function runningOnServer(): Promise<number> {
    const queue = (await (await fetch(`${studio.simulator.url}/queue`)).json()) as {
      queue_running: unknown[];
      queue_pending: unknown[];
    };
    return queue.queue_running.length + queue.queue_pending.length;
  }

  it('in the middle of a long sample ends in cancelled and frees the GPU', async () => {
    const jobId = await studio.requestImage({ steps: 140, seed: 1 });
    await studio.happened(jobId, JobStartedV2);
    await eventually(async () => (await studio.executions())[promptIdOf(jobId, 1)] === 1, {
      what: 'the server samples',
    });
    await cancel(jobId);
    const job = await studio.ended(jobId);
    expect(job.status).toBe('cancelled');
    expect(job.cancelRequested).toBe(true);
    expect(await studio.trail(jobId)).toEqual([
      'requested',
      'accepted',
      'assigned',
      'started',
      'cancel-requested',
      'cancel-ordered',
      'attempt-failed',
      'cancelled',
    ]);
    expect(job.attempts[0]?.failure?.class).toBe('cancelled');
    await eventually(async () => (await runningOnServer()) === 0, { what: 'the server is idle' });
  }, 60_000);

  it('of a queued job ends it at once, and it never runs', async () => {
    const busy = [await studio.requestImage({ steps: 60, seed: 2 }), await studio.requestImage({ steps: 60, seed: 3 })];
    const jobId = await studio.requestImage({ seed: 4 });
    await studio.happened(jobId, JobAcceptedV3);
    await cancel(jobId);
    const cancelled = await studio.happened(jobId, JobCancelledV1);
    expect(cancelled.data).toEqual({ stage: 'queued', attempt: null });
    for (const other of busy) await cancel(other);
    for (const other of busy) expect((await studio.ended(other)).status).toBe('cancelled');
    expect(await studio.executions()).not.toHaveProperty(promptIdOf(jobId, 1));
    expect(await runningOnServer()).toBe(0);
  }, 90_000);

  it('after executed still ends in cancelled, and what was made stays', async () => {
    // Without organizer the job cannot complete, so the cancel surely comes before that.
    await studio.service('file-organizer').kill('SIGKILL');
    const jobId = await studio.requestImage({ steps: 2, seed: 5 });
    await studio.happened(jobId, JobExecutedV2);
    await cancel(jobId);
    expect((await studio.happened(jobId, JobCancelledV1)).data).toEqual({ stage: 'executed', attempt: 1 });
    await studio.service('file-organizer').restart();
    const job = await eventually(
      async () => {
        const shown = await studio.job(jobId);
        return shown.files.length > 0 && shown;
      },
      { what: 'the files are organised all the same', timeoutMs: 30_000 },
    );
    expect(job.status).toBe('cancelled');
    expect(job.outputs).toHaveLength(1);
  }, 90_000);

  it('of a job that has ended is refused', async () => {
    const jobId = await studio.requestImage({ steps: 2, seed: 6 });
    await studio.ended(jobId);
    const { response } = await studio.client.POST('/api/anime/jobs/{id}/cancel', { params: { path: { id: jobId } } });
    expect(response.status).toBe(409);
  }, 60_000);
});
