import type { JobLimits } from '@anime/contracts';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { TemplateRegistry } from '../templates/template-registry.js';
import { JobDesk, ORIGIN } from '../testing/job-desk.js';

let desk: JobDesk;
beforeEach(async () => {
  desk = await JobDesk.open();
});
afterEach(() => desk[Symbol.asyncDispose]());

/** A small picture. */
function picture(): Promise<Buffer> {
  const background = { r: 200, g: 40, b: 90 };
  return sharp({ create: { width: 16, height: 8, channels: 3, background } })
    .png()
    .toBuffer();
}

describe('the commands of jobs', () => {
  it('name the pictures that a job takes in by their content, as the blob store has them', async () => {
    const jobs = await desk.commands();
    const png = await picture();
    const { sha256: blob, size } = await desk.blobs.put(png);
    const command = {
      type: 'image',
      template: 'image-to-image',
      parameters: { prompt: 'a fox', image: blob },
    } as const;
    const { job } = await jobs.submit(command, ORIGIN);
    expect(job.inputs).toEqual([{ parameter: 'image', blob, name: `${blob}.png`, size, mediaType: 'image/png' }]);
    expect(job.parameters['image']).toBe(blob);
    const { sha256: words } = await desk.blobs.put(Buffer.from('no picture'));
    const before = await desk.log.end();
    for (const [image, message] of [
      ['ab'.repeat(32), /POST \/api\/anime\/inputs/],
      [words, /is no PNG, JPEG or WebP picture/],
      ['cat.png', /must be the sha256/],
      [undefined, /is required/],
    ] as const)
      await expect(jobs.submit({ ...command, parameters: { prompt: 'a fox', image } }, ORIGIN)).rejects.toMatchObject({
        code: 'parameter-invalid',
        errors: [{ path: '/image', message: expect.stringMatching(message) }],
      });
    expect(await desk.log.end()).toBe(before);
  });

  it('bound a job as it was asked for, else as its project says, else not', async () => {
    const jobs = await desk.commands();
    const settings = { maxAttempts: 5, maxRunSeconds: 600 };
    await desk.projects(new TemplateRegistry()).create({ slug: 'bounded', title: 'Bounded', settings }, ORIGIN);
    const limitsOf = async (project: string | null, limits?: JobLimits) =>
      (await jobs.submit({ type: 'image', project, limits, parameters: { prompt: 'a fox' } }, ORIGIN)).job.limits;
    expect(await limitsOf(null)).toEqual({});
    expect(await limitsOf('demo-film', { maxAttempts: 2 })).toEqual({ maxAttempts: 2 });
    expect(await limitsOf('bounded')).toEqual(settings);
    expect(await limitsOf('bounded', { maxRunSeconds: 60 })).toEqual({ maxAttempts: 5, maxRunSeconds: 60 });
  });
});
