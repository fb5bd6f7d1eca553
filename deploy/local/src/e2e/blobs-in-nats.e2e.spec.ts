import { stat } from 'node:fs/promises';
import path from 'node:path';
import { eventually } from '@anime/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

describe('with ANIME_BLOBS=nats', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    // No folder can be there, so whoever wanted one would fail.
    studio = await TestStudio.start({ env: { ANIME_BLOBS: 'nats', ANIME_BLOBS_DIR: '/dev/null/blobs' } });
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  const makePicture = async (seed: number): Promise<void> => {
    const job = await studio.ended(await studio.requestImage({ steps: 2, seed }));
    expect(job.status).toBe('completed');
    expect(job.scores.length).toBeGreaterThan(0);
    expect(job.files.map(({ role }) => role)).toEqual(expect.arrayContaining(['output', 'thumbnail', 'sidecar']));
    for (const { path: file, size } of job.files)
      expect((await stat(path.join(studio.libraryDir, file))).size).toBe(size);
  };

  it('a picture is made, scored and filed by services that share no folder', async () => {
    await makePicture(1);
  }, 90_000);

  it('the next one as well after nats-server was killed and started again', async () => {
    await studio.nats.kill();
    await studio.nats.restart();
    await eventually(async () => (await fetch(`${studio.service('gateway').url}/ready`)).ok, {
      what: 'the gateway is ready again',
    });
    await makePicture(2);
  }, 90_000);

  it('a service is not ready, and says why, while the bucket is missing', async () => {
    const executor = studio.service('comfyui-executor');
    const manager = await jetstreamManager(await studio.log.connected());
    await manager.streams.delete('OBJ_ANIME_BLOBS');
    const answer = await fetch(`${executor.url}/ready`);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toMatch(/the bucket does not exist \(anime provision\)/);
  }, 30_000);
});
