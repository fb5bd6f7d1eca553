import { ViewerMessage, type Preview } from '@anime/contracts';
import { eventually } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { TestStudio } from '../testing/test-studio.js';

describe('a viewer of a running job', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start({
      stepDelayMs: 20,
      env: { ANIME_PREVIEWS: '1' },
      services: ['gateway', 'orchestrator', 'comfyui-executor', 'progress-relay'],
    });
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  it('is shown pictures of it while it runs, with the rights of the services as they are', async () => {
    const jobId = await studio.requestImage({ steps: 150 });
    const address = studio.service('progress-relay').url.replace('http', 'ws');
    const viewer = new WebSocket(`${address}/api/anime/jobs/${jobId}/progress`);
    const pictures: Preview[] = [];
    viewer.on('message', (data: Buffer) => {
      const message = ViewerMessage.parse(JSON.parse(data.toString('utf8')));
      if (message.type === 'preview') pictures.push(message.data);
    });
    await eventually(() => pictures.length >= 2, { what: 'two pictures are shown' });
    for (const { mediaType, image, jobId: of } of pictures) {
      const bytes = Buffer.from(image, 'base64');
      expect([of, mediaType]).toEqual([jobId, 'image/jpeg']);
      // Start and end of a JPEG.
      expect([bytes.subarray(0, 3).toString('hex'), bytes.subarray(-2).toString('hex')]).toEqual(['ffd8ff', 'ffd9']);
    }
    viewer.close();
  }, 90_000);
});
