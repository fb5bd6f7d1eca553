import { JobRetryScheduledV2 } from '@anime/contracts';
import { executorIdOf, isEvent } from '@anime/event-store';
import { unwrap } from '@anime/gateway-client';
import { eventually } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

const [SMALL, BIG] = [executorIdOf('studio', 'comfyui-1'), executorIdOf('studio', 'comfyui-2')];
const PICTURE = { prompt: 'a lighthouse at dusk', width: 64, height: 64, steps: 2 };
/** 6.9 GB by its name, while its template says that it needs 4 GB. */
const LARGE = 'anime-xl.safetensors';
const CHECKPOINTS = ['--checkpoint', 'simulated-anime-v1.safetensors', '--checkpoint', LARGE];

describe('a job that runs out of memory', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start({
      stepDelayMs: 5,
      simulators: 2,
      simulatorArgs: [
        ['--vram', '4608', ...CHECKPOINTS],
        ['--vram', '12288', ...CHECKPOINTS],
      ],
    });
    const list = async () => (await unwrap(studio.client.GET('/api/anime/executors'))).executors;
    await eventually(async () => (await list()).length === 2, { what: 'both are registered' });
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  const say = async (how: 'pause' | 'resume'): Promise<void> => {
    const params = { path: { id: BIG } };
    if (how === 'pause') await studio.client.POST('/api/anime/executors/{id}/pause', { params });
    else await studio.client.POST('/api/anime/executors/{id}/resume', { params });
    const state = how === 'pause' ? 'paused' : 'ready';
    await eventually(
      async () => (await unwrap(studio.client.GET('/api/anime/executors/{id}', { params }))).state === state,
      { what: `the big one is ${state}` },
    );
  };
  const retries = async (jobId: string) =>
    (await studio.events(jobId)).flatMap((event) => (isEvent(event, JobRetryScheduledV2) ? [event.data] : []));
  const outOfMemory = async (n: number, times: number): Promise<void> => {
    const response = await fetch(`${studio.simulators[n - 1]?.url}/simulator/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ atPrompt: [{ kind: 'out-of-memory', at: 'start', times }] }),
    });
    expect(response.ok).toBe(true);
  };
  const attemptsOf = async (jobId: string) => {
    const job = await studio.ended(jobId, 120_000);
    expect(job.failure).toBeNull();
    expect(job.status).toBe('completed');
    return job.attempts.map(({ status, executorId, variant, failure }) => [
      status,
      executorId === BIG ? 'big' : executorId === SMALL ? 'small' : executorId,
      variant,
      failure?.class ?? null,
    ]);
  };
  async function request(body: { readonly image?: string; readonly maxAttempts?: number } = {}): Promise<string> {
    const { image, maxAttempts } = body;
    const how =
      image === undefined
        ? { ...PICTURE, checkpoint: LARGE }
        : { prompt: 'x', steps: 2, image, template: 'image-to-image' };
    const limits = maxAttempts === undefined ? {} : { limits: { maxAttempts } };
    const answer = await unwrap(studio.client.POST('/api/anime/generate/image', { body: { ...how, ...limits } }));
    if (!('jobId' in answer)) throw new Error('the gateway answered with a whole job');
    return answer.jobId;
  }

  it('is completed on the bigger GPU; its like go there at once', async () => {
    await say('pause');
    const jobId = await request();
    await eventually(async () => (await retries(jobId)).length === 2, { what: 'it ran out twice', timeoutMs: 60_000 });
    await say('resume');
    expect(await attemptsOf(jobId)).toEqual([
      ['failed', 'small', 'normal', 'oom'],
      ['failed', 'small', 'normal', 'oom'],
      ['executed', 'big', 'normal', null],
    ]);
    expect(await retries(jobId)).toMatchObject([{ freeMemory: true }, { gpuBytes: 12_288 * 2 ** 20, vramGb: 4 }]);
    expect(await attemptsOf(await request())).toEqual([['executed', 'big', 'normal', null]]);
  }, 180_000);

  it('is completed in the variant for less memory when the bigger GPU is too small, too', async () => {
    const source = await studio.requestImage(PICTURE);
    const image = (await studio.ended(source)).outputs[0]?.blob;
    if (image === undefined) throw new Error('no picture to begin with');
    await say('pause');
    await outOfMemory(1, 2);
    await outOfMemory(2, 1);
    const jobId = await request({ image, maxAttempts: 4 });
    await eventually(async () => (await retries(jobId)).length === 2, { what: 'it ran out twice', timeoutMs: 60_000 });
    await say('resume');
    const attempts = await attemptsOf(jobId);
    expect(attempts.slice(0, 3)).toEqual([
      ['failed', 'small', 'normal', 'oom'],
      ['failed', 'small', 'normal', 'oom'],
      ['failed', 'big', 'normal', 'oom'],
    ]);
    expect(attempts.slice(3)).toEqual([['executed', expect.any(String), 'low-memory', null]]);
    expect(await retries(jobId)).toMatchObject([
      {},
      { gpuBytes: 4_608 * 2 ** 20 + 1 },
      { variant: 'low-memory', vramGb: 3 },
    ]);
  }, 180_000);
});
