import { provision, uuidv7 } from '@anime/event-store';
import type { RunningService } from '@anime/service-runtime';
import { eventually, useNats } from '@anime/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import { describe, expect, it } from '@jest/globals';
import { useRelayStudio } from './testing/studio.js';
import { isChain, view } from './testing/test-viewer.js';

const STREAM = 'ANIME_PROGRESS';
const studio = useRelayStudio();

interface Ready {
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly reason: string | null }[];
}
const ready = async (relay: RunningService): Promise<Ready> =>
  (await (await fetch(`${relay.url}/ready`)).json()) as Ready;
const isReady = (relay: RunningService) =>
  eventually(async () => (await ready(relay)).ready, { what: 'the relay is ready' });

async function killAndRestart(): Promise<void> {
  const server = await studio.nats.server();
  await server.kill();
  await server.restart();
}

describe('NATS', () => {
  it('killed and started again: viewers stay connected and miss nothing, and old tokens still resume', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    const viewer = await view(relay.url, jobId);
    await viewer.see('reset');
    for (const fraction of [0.1, 0.2, 0.3]) await studio.publish(jobId, { fraction });
    const old = await viewer.see('progress', ({ data }) => data.fraction === 0.3);

    await killAndRestart();
    // What is sent while the connection is away is dropped, so only one of the tries arrives.
    const seq = await eventually(() => studio.publish(jobId, { fraction: 0.4 }), {
      what: 'a message is stored again',
    });
    expect((await viewer.see('progress', ({ data }) => data.fraction === 0.4)).seq).toBe(seq);
    await studio.complete(jobId);
    expect((await viewer.see('job', ({ data }) => data.status === 'completed')).data.jobId).toBe(jobId);
    expect(isChain(viewer.messages, 0)).toBe(true);
    expect(viewer.messages.filter(({ type }) => type === 'reset')).toHaveLength(1);

    const returning = await view(relay.url, jobId, old.token);
    expect((await returning.see('progress')).data.fraction).toBe(0.4);
    expect(returning.messages.some(({ type }) => type === 'reset')).toBe(false);
    await isReady(relay);
  }, 60_000);

  it('away: who comes is let in and gets the full state when it is back', async () => {
    const relay = await studio.relay();
    await isReady(relay);
    const jobId = await studio.runningJob();
    const server = await studio.nats.server();
    await server.kill();
    await eventually(async () => !(await ready(relay)).ready, { what: 'the relay is not ready' });
    const viewer = await view(relay.url, jobId);
    expect(viewer.messages).toEqual([]);
    await server.restart();
    expect((await viewer.see('reset')).data.job).toMatchObject({ jobId, status: 'running' });
    await isReady(relay);
  }, 60_000);

  it('with a progress stream that was deleted and made anew under the relay: full state, then live', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    const viewer = await view(relay.url, jobId);
    const first = await viewer.see('reset');
    await studio.publish(jobId, { fraction: 0.1 });
    await viewer.see('progress');
    const { url } = await studio.nats.server();
    await (await jetstreamManager(await studio.nats.connection())).streams.delete(STREAM);
    await eventually(
      async () => (await ready(relay)).checks.some(({ reason }) => reason?.includes('npm run anime -- provision')),
      { what: '/ready names the repair' },
    );
    await provision({ natsUrl: url });
    await studio.publish(jobId, { fraction: 0.2 });
    const again = await viewer.see('reset', ({ token }) => token.split(':')[0] !== first.token.split(':')[0]);
    expect(again.data.progress?.fraction).toBe(0.2);
    await studio.publish(jobId, { fraction: 0.3 });
    await viewer.see('progress', ({ data }) => data.fraction === 0.3);
    expect(isChain(viewer.messages, 0)).toBe(true);
  }, 60_000);
});

describe('another log in the place of the one that is read', () => {
  it('gives viewers the full state anew, in which their job is no more, and then its events live', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    const viewer = await view(relay.url, jobId);
    await viewer.see('reset', ({ data }) => data.job?.status === 'running');
    await studio.publish(jobId, { fraction: 0.1 });
    await viewer.see('progress');
    await studio.replaceLog();
    const again = await viewer.see('reset', ({ data }) => data.job === null);
    expect(again.data.progress?.fraction).toBe(0.1);
    const position = await studio.request(jobId);
    expect((await viewer.see('job')).data).toMatchObject({ jobId, status: 'requested', position });
    await studio.publish(jobId, { fraction: 0.2 });
    await viewer.see('progress', ({ data }) => data.fraction === 0.2);
    expect(isChain(viewer.messages, 0)).toBe(true);
    await isReady(relay);
  }, 60_000);
});

describe('a relay that starts before NATS', () => {
  const late = useNats();

  it('takes viewers and serves them once everything is there', async () => {
    const server = await late.server();
    await server.kill();
    const relay = await studio.relay({}, server.url);
    const viewer = await view(relay.url, uuidv7());
    expect((await ready(relay)).checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([
      'log',
      'consumers',
      'progress stream',
    ]);
    await server.restart();
    await provision({ natsUrl: server.url });
    expect((await viewer.see('reset')).data).toEqual({ job: null, progress: null });
    await isReady(relay);
  }, 60_000);
});
