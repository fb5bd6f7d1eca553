import { unwrap } from '@anime/gateway-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

describe('each read-model of a studio that worked', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start();
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  it('is equal, in every row and column, to one that is rebuilt from the log', async () => {
    // What the demo makes, a cancelled job, one that fails on the GPU, and garbage among the events.
    const film = { slug: 'demo-film', title: 'Demo film', settings: { negativePrompt: 'blurry' } };
    await unwrap(studio.client.POST('/api/anime/projects', { body: film }));
    const picture = await studio.requestImage({ seed: 1, project: film.slug });
    const body = { prompt: 'clouds', frames: 4, fps: 8, width: 64, height: 64, steps: 4 };
    const clip = await unwrap(
      studio.client.POST('/api/anime/generate/video', { params: { query: { wait: 60 } }, body }),
    );
    expect(clip.status).toBe('completed');
    const cancelled = await studio.requestImage({ seed: 2, steps: 100 });
    await unwrap(studio.client.POST('/api/anime/jobs/{id}/cancel', { params: { path: { id: cancelled } } }));
    await studio.ended(cancelled);
    const nc = await studio.log.connected();
    nc.publish(`anime.job.${picture}.gateway`, 'garbage');
    await nc.flush();
    const failNode = {
      class_type: 'KSampler',
      exception_type: 'RuntimeError',
      message: 'a fault of the test',
      times: 1,
    };
    await fetch(`${studio.simulator.url}/simulator/faults`, { method: 'POST', body: JSON.stringify({ failNode }) });
    const failing = await studio.requestImage({ seed: 3 });
    expect((await studio.ended(failing)).status).toBe('failed');
    const done = await studio.ended(picture);
    expect(done).toMatchObject({ status: 'completed', parameters: { negativePrompt: 'blurry' } });
    for (const { path } of done.files) expect(path).toMatch(/^demo-film\/jobs\/\d{4}\/\d\d\/\d\d\//);
    await unwrap(studio.client.POST('/api/anime/projects/{id}/archive', { params: { path: { id: film.slug } } }));

    const equal = { position: await studio.log.end(), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) };
    expect(await studio.rebuildAndCompare()).toEqual([
      { rebuilt: 'jobs', ...equal },
      { rebuilt: 'projects', ...equal },
      { rebuilt: 'dead-letters', ...equal },
    ]);
    // The live gateway goes on from the new tables.
    const after = await studio.requestImage({ seed: 4, steps: 2 });
    expect((await studio.ended(after)).status).toBe('completed');
  }, 120_000);
});
