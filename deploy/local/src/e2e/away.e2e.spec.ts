import { JobAcceptedV3, JobStartedV2 } from '@anime/contracts';
import { promptIdOf } from '@anime/event-store';
import { eventually } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

describe('while something is away', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start();
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  const ready = async (url: string) =>
    (await (await fetch(`${url}/ready`)).json()) as {
      ready: boolean;
      checks: { name: string; ok: boolean; reason: string | null }[];
    };

  it('ComfyUI: jobs wait, the executor says why, and everything goes on when it is back', async () => {
    await studio.simulator.kill('SIGKILL');
    const executor = studio.service('comfyui-executor');
    const unready = await eventually(
      async () => {
        const report = await ready(executor.url);
        return !report.ready && report;
      },
      { what: 'the executor is not ready' },
    );
    expect(
      unready.checks
        .filter((check) => !check.ok)
        .map((check) => check.reason)
        .join(),
    ).toMatch(/ComfyUI/);
    const jobId = await studio.requestImage({ steps: 2, seed: 1 });
    await studio.happened(jobId, JobAcceptedV3);
    expect(await studio.trail(jobId)).not.toContain('failed');
    await studio.simulator.restart();
    expect((await studio.ended(jobId)).status).toBe('completed');
  }, 90_000);

  it('a ComfyUI that forgot its queue: the attempt fails as vanished and the next one is another run', async () => {
    const jobId = await studio.requestImage({ steps: 120, seed: 2 });
    await studio.happened(jobId, JobStartedV2);
    await eventually(async () => (await studio.executions())[promptIdOf(jobId, 1)] === 1, {
      what: 'the server samples',
    });
    await studio.simulator.kill('SIGKILL');
    await studio.simulator.restart();
    const job = await studio.ended(jobId, 90_000);
    expect(job.status).toBe('completed');
    expect(job.attempts.map((attempt) => attempt.failure?.reason ?? 'executed')).toEqual(['vanished', 'executed']);
  }, 120_000);
});
