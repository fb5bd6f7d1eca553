import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startSimulator } from '@anime/comfyui-simulator';
import { PreviewV1, type Preview } from '@anime/contracts';
import { executorIdOf, openLog, promptIdOf, provision, type JetStreamLog } from '@anime/event-store';
import { subscribeLive } from '@anime/messaging';
import { eventually, spawnService, useNats } from '@anime/testing';
import sharp from 'sharp';
import { z } from 'zod';
import { imageGraph } from './testing/graphs.js';
import { JobLog } from './testing/job-log.js';

const entry = path.join(import.meta.dirname, '..', 'dist', 'main.js');
const nats = useNats();
let log: JetStreamLog;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'anime-previews-'));
  const { url } = await nats.server();
  await provision({ natsUrl: url, durables: [] });
  log = openLog({ natsUrl: url, name: 'previews-e2e' });
});
afterAll(async () => {
  await log.close();
  await rm(dir, { recursive: true, force: true });
});

const Extra = z.looseObject({ preview_method: z.string() });
const Entry = z.looseObject({ prompt: z.tuple([z.number(), z.string(), z.unknown(), Extra], z.unknown()) });

/** Runs jobs one after the other on an executor of their own. @returns how previews were asked for, and what was sent */
async function previewsOf(
  env: Record<string, string>,
  steps: readonly number[],
): Promise<{
  readonly asked: readonly string[];
  readonly sent: readonly Preview[];
  readonly jobIds: readonly string[];
}> {
  await using server = await startSimulator({ dataDir: path.join(dir, randomUUID()), stepDelayMs: 10 });
  const name = `gpu-${randomUUID()}`;
  const jobs = new JobLog(log, executorIdOf('studio', name));
  await using service = await spawnService({
    entry,
    until: 'ready',
    env: {
      NATS_URL: (await nats.server()).url,
      COMFYUI_URLS: `${name}=${server.url}`,
      ANIME_BLOBS_DIR: path.join(dir, 'blobs'),
      LOG_LEVEL: 'warn',
      ...env,
    },
  });
  const sent: Preview[] = [];
  const listening = subscribeLive(await nats.connection(), PreviewV1, (preview) => sent.push(preview));
  const [asked, jobIds]: [string[], string[]] = [[], []];
  for (const [index, count] of steps.entries()) {
    const jobId = await jobs.accept({ graph: imageGraph({ steps: count, seed: index + 1 }) });
    jobIds.push(jobId);
    await jobs.assign(jobId);
    await eventually(async () => (await jobs.trail(jobId)).at(-1) === 'executed', { what: 'the job is executed' });
    const promptId = promptIdOf(jobId, 1);
    const history: unknown = await (await fetch(`${server.url}/history/${promptId}`)).json();
    asked.push(z.record(z.string(), Entry).parse(history)[promptId]?.prompt[3].preview_method ?? '');
  }
  await service.stop();
  listening.stop();
  return { asked, sent, jobIds };
}

describe('pictures of a running job', () => {
  it('are sent at most once in a second, each a JPEG of the job; those of a job that is soon over are not asked for', async () => {
    const { asked, sent, jobIds } = await previewsOf({}, [150, 1]);
    expect(asked).toEqual(['latent2rgb', 'none']);
    expect(sent.length).toBeGreaterThan(1);
    for (const { jobId, attempt, mediaType, image } of sent) {
      expect([jobId, attempt, mediaType]).toEqual([jobIds[0], 1, 'image/jpeg']);
      const { data, info } = await sharp(Buffer.from(image, 'base64')).raw().toBuffer({ resolveWithObject: true });
      expect([info.width, info.height, data.length]).toEqual([512, 512, 512 * 512 * 3]);
    }
    const times = sent.map(({ at }) => Date.parse(at));
    // A timer may fire a millisecond early by the other clock.
    for (const [index, time] of times.slice(1).entries())
      expect(time - (times[index] ?? 0)).toBeGreaterThanOrEqual(990);
  }, 90_000);

  it('are neither asked for nor sent with ANIME_PREVIEWS=0', async () => {
    const { asked, sent } = await previewsOf({ ANIME_PREVIEWS: '0' }, [150]);
    expect([asked, sent]).toEqual([['none'], []]);
  }, 60_000);
});
