import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readPngText } from '@anime/comfyui-simulator';
import { ExecutorRegisteredV1, JobRetryScheduledV2 } from '@anime/contracts';
import { unwrap } from '@anime/gateway-client';
import { eventually } from '@anime/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

const SMALL = { prompt: 'a lighthouse at dusk', width: 64, height: 64, steps: 2 };

describe('a studio', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start({ stepDelayMs: 5 });
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);
  afterEach(() => faults({ reservedVramMb: 0, missingNodes: [], failNode: null, gpuFault: false }));

  async function faults(change: object): Promise<void> {
    await simulator('faults', change);
  }
  async function simulator(route: string, body: object): Promise<void> {
    const response = await fetch(`${studio.simulator.url}/simulator/${route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.ok).toBe(true);
  }
  const outputOf = async (jobId: string): Promise<Buffer> => {
    const file = (await studio.ended(jobId)).files.find(({ role }) => role === 'output');
    return readFile(path.join(studio.libraryDir, file?.path ?? ''));
  };
  /** What a server has is what it had when it was started. @returns when the studio knows what it has now */
  const changeNodes = async (missingNodes: readonly string[]): Promise<void> => {
    const environment = async (): Promise<string | null | undefined> =>
      (await unwrap(studio.client.GET('/api/anime/executors'))).executors[0]?.environment;
    const before = await environment();
    await faults({ missingNodes });
    await simulator('restart', { down_ms: 500 });
    await eventually(async () => (await environment()) !== before, { what: 'the new environment is shown' });
  };
  const classOfRetry = async (jobId: string): Promise<string> => {
    const retry = await studio.happened(jobId, JobRetryScheduledV2, 60_000);
    return (retry.data as { class: string }).class;
  };

  it('makes a picture from one that was given to it: the server gets it under the name that is its content', async () => {
    const source = await outputOf(await studio.requestImage(SMALL));
    const given = await studio.answers.fetch(`${studio.service('gateway').url}/api/anime/inputs`, {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: new Uint8Array(source),
    });
    const sha256 = createHash('sha256').update(source).digest('hex');
    expect(await given.json()).toMatchObject({ sha256 });
    const body = { prompt: 'a lighthouse in the snow', template: 'image-to-image', image: sha256, steps: 2, seed: 1 };
    const answer = await unwrap(studio.client.POST('/api/anime/generate/image', { body }));
    if (!('jobId' in answer)) throw new Error('the gateway answered with a whole job');
    const job = await studio.ended(answer.jobId);
    expect(job.failure).toBeNull();
    expect(job.status).toBe('completed');
    const made = await outputOf(answer.jobId);
    expect(made).not.toEqual(source);
    expect(readPngText(made)['prompt']).toContain(`"image": "${sha256}.png"`);
    const [attempt] = job.attempts;
    // The checkpoint and the negative prompt are those of the picture before.
    expect(attempt).toMatchObject({ environment: expect.stringMatching(/^[0-9a-f]{64}$/), cachedNodes: ['1', '3'] });
    expect(job.outputs[0]?.pixelSha256).toMatch(/^[0-9a-f]{64}$/);
  }, 120_000);

  it('waits with a job for memory that something else holds, and says so', async () => {
    await faults({ reservedVramMb: 8_000 });
    const jobId = await studio.requestImage({ ...SMALL, seed: 11 });
    expect(await classOfRetry(jobId)).toBe('declined');
    const waiting = await eventually(async () => (await studio.job(jobId)).waiting, {
      what: 'it is told why it waits',
    });
    expect(waiting.last?.message).toMatch(/GB/);
    await faults({ reservedVramMb: 0 });
    expect(await studio.ended(jobId)).toMatchObject({ status: 'completed', failure: null });
  }, 180_000);

  it('fails a job whose node no server has, before anything runs; once it is there, the job can be tried again', async () => {
    await changeNodes(['VAEDecode']);
    const jobId = await studio.requestImage({ ...SMALL, seed: 12 });
    const failed = await studio.ended(jobId);
    expect(failed).toMatchObject({ status: 'failed', failure: { class: 'missing-node' } });
    expect(failed.failure?.message).toMatch(/VAEDecode/);
    expect(await studio.trail(jobId)).not.toContain('started');
    await changeNodes([]);
    await unwrap(studio.client.POST('/api/anime/jobs/{id}/retry', { params: { path: { id: jobId } } }));
    const done = await eventually(
      async () => (await studio.job(jobId)).status === 'completed' && (await studio.job(jobId)),
      {
        what: 'it is completed',
        timeoutMs: 60_000,
      },
    );
    expect(done.attempts.map(({ status }) => status)).toEqual(['declined', 'executed']);
  }, 120_000);

  it('gives nothing to an executor whose GPU is at fault until its server was started again', async () => {
    await faults({ gpuFault: true });
    const jobId = await studio.requestImage({ ...SMALL, seed: 13 });
    expect(await classOfRetry(jobId)).toBe('gpu-fault');
    const drained = await eventually(
      async () =>
        (await unwrap(studio.client.GET('/api/anime/executors'))).executors.find(({ state }) => state === 'drained'),
      { what: 'the executor is shown as drained' },
    );
    await faults({ gpuFault: false });
    await simulator('restart', { down_ms: 500 });
    expect(await studio.ended(jobId, 120_000)).toMatchObject({ status: 'completed' });
    const registrations: string[] = [];
    for await (const entry of studio.log.readAggregate('executor', drained.id))
      if (entry.status === 'event' && entry.event.type === ExecutorRegisteredV1.type)
        registrations.push(entry.event.id);
    expect(registrations).toHaveLength(2);
  }, 180_000);
});
