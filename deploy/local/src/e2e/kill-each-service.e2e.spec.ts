import { JobCompletedV1, JobExecutedV2, JobStartedV2, SERVICES, type ServiceName } from '@anime/contracts';
import { promptIdOf } from '@anime/event-store';
import { eventually } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

/** A sampling of about two seconds: long enough to die in. */
const STEPS = 40;
const STEP_DELAY_MS = 50;

describe('kill -9 in mid-job', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start({ stepDelayMs: STEP_DELAY_MS, ownPostgres: true });
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  /** The trail of a job that ran once: every decision and fact once, in whatever order facts came. */
  async function expectOneRun(jobId: string): Promise<void> {
    const trail = await studio.trail(jobId);
    for (const type of [
      'requested',
      'accepted',
      'assigned',
      'started',
      'executed',
      'scored',
      'organised',
      'gated',
      'completed',
    ]) {
      expect([type, trail.filter((each) => each === type).length]).toEqual([type, 1]);
    }
    expect((await studio.executions())[promptIdOf(jobId, 1)]).toBe(1);
    const job = await studio.job(jobId);
    expect(job.status).toBe('completed');
    expect(job.files.filter((file) => file.role === 'output')).toHaveLength(1);
  }

  /** A prompt that was claimed, but not sent when its executor dies, is tried again: that is another story. */
  async function gpuWorks(jobId: string): Promise<void> {
    await studio.happened(jobId, JobStartedV2);
    const promptId = promptIdOf(jobId, 1);
    await eventually(async () => (await studio.executions())[promptId] === 1, { what: 'the prompt runs' });
  }

  it.each<ServiceName>([...SERVICES])(
    'of the %s while the GPU works: the job ends once, with one run',
    async (name) => {
      const jobId = await studio.requestImage({ steps: STEPS, seed: SERVICES.indexOf(name) });
      await gpuWorks(jobId);
      await studio.service(name).kill('SIGKILL');
      await studio.service(name).restart();
      await studio.ended(jobId);
      await expectOneRun(jobId);
    },
    90_000,
  );

  it.each<ServiceName>(['orchestrator', 'quality-scorer', 'file-organizer', 'gateway'])(
    'of the %s right after the run: the job ends once',
    async (name) => {
      const jobId = await studio.requestImage({ steps: 4, seed: 100 + SERVICES.indexOf(name) });
      await studio.happened(jobId, JobExecutedV2);
      await studio.service(name).kill('SIGKILL');
      await studio.service(name).restart();
      await studio.ended(jobId);
      await expectOneRun(jobId);
    },
    90_000,
  );

  it('of PostgreSQL: the job goes on without it and is shown when it is back', async () => {
    const jobId = await studio.requestImage({ steps: STEPS, seed: 300 });
    await gpuWorks(jobId);
    await studio.postgres.kill();
    await studio.happened(jobId, JobCompletedV1);
    await studio.postgres.restart();
    await studio.ended(jobId);
    await expectOneRun(jobId);
  }, 90_000);

  it('of the nats-server: the job ends once', async () => {
    const jobId = await studio.requestImage({ steps: STEPS, seed: 200 });
    await gpuWorks(jobId);
    await studio.nats.kill();
    await studio.nats.restart();
    await studio.ended(jobId);
    await expectOneRun(jobId);
  }, 90_000);
});
