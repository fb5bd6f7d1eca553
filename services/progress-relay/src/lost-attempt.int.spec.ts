import { describe, expect, it } from '@jest/globals';
import { useRelayStudio } from './testing/studio.js';
import { isChain, view, type TestViewer } from './testing/test-viewer.js';

const studio = useRelayStudio();
const fractions = ({ messages }: TestViewer) =>
  messages.flatMap((message) => (message.type === 'progress' ? [[message.data.attempt, message.data.fraction]] : []));
/** What an executor still says of the first attempt. @returns the last place */
async function lateWords(jobId: string, count = 1): Promise<number> {
  await Promise.all(Array.from({ length: count }, () => studio.publish(jobId, { fraction: 0.2 })));
  return studio.publish(jobId, { phase: 'ended', fraction: 0.2 });
}

describe('what an executor still reports of an attempt that was given up', () => {
  it('does not come between the messages of the next attempt', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    const viewer = await view(relay.url, jobId);
    await viewer.see('reset');
    await studio.publish(jobId, { fraction: 0.1 });
    await viewer.see('progress');
    await studio.loseAttempt(jobId);
    await viewer.see('job', ({ data }) => data.status === 'assigned');
    await lateWords(jobId);
    await studio.assignAgain(jobId);
    await viewer.see('job', ({ data }) => data.attempt === 2 && data.status === 'assigned');
    await studio.publish(jobId, { attempt: 2, fraction: 0.3 });
    await lateWords(jobId);
    const seq = await studio.publish(jobId, { attempt: 2, fraction: 0.4 });
    await viewer.see('progress', (message) => message.seq === seq);
    expect(fractions(viewer)).toEqual([
      [1, 0.1],
      [2, 0.3],
      [2, 0.4],
    ]);
    expect(isChain(viewer.messages, 0)).toBe(true);
  });

  it('is not in the full state, though it came last: that has the next attempt’s progress, if there is any', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    await studio.publish(jobId, { fraction: 0.1 });
    await studio.loseAttempt(jobId);
    const lost = (await (await view(relay.url, jobId)).see('reset')).data;
    expect(lost).toMatchObject({ job: { status: 'assigned', attempt: 1 }, progress: null });
    await studio.assignAgain(jobId);
    await studio.publish(jobId, { attempt: 2, fraction: 0.3 });
    await studio.publish(jobId, { attempt: 2, fraction: 0.4 });
    const last = await lateWords(jobId);
    const reset = await (await view(relay.url, jobId)).see('reset');
    expect(reset).toMatchObject({ seq: last, data: { job: { attempt: 2 }, progress: { attempt: 2, fraction: 0.4 } } });
  });

  it('is left out when a viewer goes on with its token, however much of it there is, and what follows comes', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    const watching = await view(relay.url, jobId);
    const { token, seq: seen } = await watching.see('reset');
    await lateWords(jobId, 1_000);
    await studio.loseAttempt(jobId);
    await studio.assignAgain(jobId);
    await watching.see('job', ({ data }) => data.attempt === 2 && data.status === 'assigned');
    const missed = await studio.publish(jobId, { attempt: 2, fraction: 0.3 });
    await watching.see('progress', ({ seq }) => seq === missed);
    await lateWords(jobId, 1_000);

    const viewer = await view(relay.url, jobId, token);
    await viewer.see('job', ({ data }) => data.attempt === 2);
    const seq = await studio.publish(jobId, { attempt: 2, fraction: 0.4 });
    await viewer.see('progress', (message) => message.seq === seq);
    expect(viewer.messages.map(({ type }) => type)).not.toContain('reset');
    expect(viewer.seqs()).toEqual([missed, seq]);
    expect(isChain(viewer.messages, seen)).toBe(true);
  }, 30_000);
});
