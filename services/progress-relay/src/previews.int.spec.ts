import { eventually } from '@anime/testing';
import { describe, expect, it } from '@jest/globals';
import { useRelayStudio } from './testing/studio.js';
import { isChain, view, type TestViewer } from './testing/test-viewer.js';

const studio = useRelayStudio();
const image = (text: string): string => Buffer.from(text).toString('base64');
const seen = (viewer: TestViewer): string[] =>
  viewer.messages
    .filter((message) => message.type === 'preview')
    .map(({ data }) => Buffer.from(data.image, 'base64').toString());

/** Sends a picture again and again until a viewer has it: whoever has just come may not be listened for yet. */
const shown = (viewer: TestViewer, jobId: string, text: string): Promise<boolean> =>
  eventually(
    async () => {
      await studio.preview(jobId, { image: image(text) });
      return seen(viewer).includes(text);
    },
    { what: `the picture ${text} is shown` },
  );

describe('previews', () => {
  it('reach the viewers of their job at the place where each stands, and nobody else', async () => {
    const relay = await studio.relay();
    const [jobId, other] = [await studio.runningJob(), await studio.runningJob()];
    const [viewer, stranger] = [await view(relay.url, jobId), await view(relay.url, other)];
    await Promise.all([viewer, stranger].map((each) => each.see('reset')));
    await shown(viewer, jobId, 'first');
    const seq = await studio.publish(jobId, { fraction: 0.75 });
    await viewer.see('progress');
    await studio.preview(jobId, { image: image('second') });
    const second = await viewer.see('preview', ({ data }) => data.image === image('second'));
    expect([second.seq, second.prev]).toEqual([seq, seq]);
    expect(second.token).toMatch(new RegExp(`:${seq}$`));
    expect(isChain(viewer.messages, 0)).toBe(true);
    await shown(stranger, other, 'of another job');
    expect(new Set(seen(stranger))).toEqual(new Set(['of another job']));
    expect(seen(viewer)).not.toContain('of another job');
  });

  it('are not shown when they say that they are of another job, of another attempt, or when the job has ended', async () => {
    const relay = await studio.relay();
    const [jobId, other] = [await studio.runningJob(), await studio.runningJob()];
    const viewer = await view(relay.url, jobId);
    await viewer.see('reset');
    await shown(viewer, jobId, 'before');
    await studio.preview(other, { image: image('of another job') }, jobId);
    await studio.loseAttempt(jobId);
    await studio.assignAgain(jobId);
    await viewer.see('job', ({ data }) => data.attempt === 2);
    await studio.preview(jobId, { image: image('of the lost attempt') });
    await studio.preview(jobId, { image: image('of the second attempt'), attempt: 2 });
    await viewer.see('preview', ({ data }) => data.attempt === 2);
    await studio.complete(jobId);
    await viewer.see('job', ({ data }) => data.status === 'completed');
    await studio.preview(jobId, { image: image('too late'), attempt: 2 });
    const last = await studio.publish(jobId, { attempt: 2 });
    await viewer.see('progress', ({ seq }) => seq === last);
    expect(new Set(seen(viewer))).toEqual(new Set(['before', 'of the second attempt']));
  });

  it('are not asked for when nobody looks any more, and are again when somebody comes', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    const first = await view(relay.url, jobId);
    await first.see('reset');
    await shown(first, jobId, 'first');
    const asked = async (): Promise<string> => {
      const nc = await studio.nats.connection();
      const reply = nc.request(`anime-live.preview.${jobId}`, '', { timeout: 200 });
      return reply.then(
        () => 'answered',
        (error: Error) => (error.message.includes('no responders') ? 'nobody listens' : error.name),
      );
    };
    expect(await asked()).toBe('TimeoutError');
    await first.cut();
    await eventually(async () => (await asked()) === 'nobody listens', { what: 'nobody listens' });
    const second = await view(relay.url, jobId);
    await second.see('reset');
    await shown(second, jobId, 'second');
    expect(seen(second)).not.toContain('first');
  });

  it('wait for a viewer that reads slowly, and then are the newest only, behind its progress', async () => {
    const relay = await studio.relay({ stallMs: 60_000 });
    const jobId = await studio.runningJob();
    const viewer = await view(relay.url, jobId);
    await viewer.see('reset');
    await shown(viewer, jobId, 'small');
    viewer.socket.pause();
    const large = 'x'.repeat(200_000);
    const count = 60;
    for (let n = 1; n <= count; n += 1) await studio.preview(jobId, { image: image(`${n}:${large}`) });
    const last = await studio.publish(jobId, { fraction: 0.9 });
    // A viewer that reads has the progress: so the relay has also had the pictures, which came before.
    const fast = await view(relay.url, jobId);
    await fast.see('reset', ({ seq }) => seq === last);
    await shown(fast, jobId, 'newest');
    viewer.socket.resume();
    await viewer.see('progress', ({ seq }) => seq === last);
    await viewer.see('preview', ({ data }) => data.image === image('newest'));
    expect(seen(viewer).filter((text) => text.endsWith(large)).length).toBeLessThan(count);
    expect(isChain(viewer.messages, 0)).toBe(true);
  });
});
