import { once } from 'node:events';
import { connect } from 'node:net';
import { uuidv7 } from '@anime/event-store';
import type { RunningService } from '@anime/service-runtime';
import { eventually } from '@anime/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import { describe, expect, it } from '@jest/globals';
import { useRelayStudio } from './testing/studio.js';
import { isChain, refusal, view, type TestViewer } from './testing/test-viewer.js';

const studio = useRelayStudio();
/** Waits until a figure of the relay, named by how its line begins, has this value. */
const metric = (relay: RunningService, name: string, value: number) =>
  eventually(
    async () => {
      const lines = (await (await fetch(`${relay.url}/metrics`)).text()).split('\n');
      return lines.find((line) => line.startsWith(`anime_relay_${name}`))?.endsWith(` ${value}`);
    },
    { what: `${name} is ${value}` },
  );
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('a new subscription', () => {
  it('begins with the full state, then brings progress and the job’s status as they come, each naming the one before', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    const before = await studio.publish(jobId, { fraction: 0.25 });
    const viewer = await view(relay.url, jobId);
    const reset = await viewer.see('reset');
    expect(viewer.messages[0]).toBe(reset);
    expect(reset.data).toMatchObject({ job: { jobId, status: 'running', attempt: 1 }, progress: { fraction: 0.25 } });
    expect(reset.seq).toBe(before);

    const seqs = [await studio.publish(jobId, { fraction: 0.5 }), await studio.publish(jobId, { fraction: 1 })];
    await viewer.see('progress', ({ data }) => data.fraction === 1);
    const position = await studio.complete(jobId);
    const ended = await viewer.see('job');
    expect(ended.data).toMatchObject({ status: 'completed', attempt: 1, position });
    expect(ended.seq).toBe(seqs[1]);
    expect(viewer.seqs()).toEqual(seqs);
    expect(isChain(viewer.messages, 0)).toBe(true);
    expect(viewer.socket.readyState).toBe(viewer.socket.OPEN);
  });

  it('of a job that nothing is known of shows nothing, and then its first event', async () => {
    const relay = await studio.relay();
    const viewer = await view(relay.url, uuidv7());
    expect((await viewer.see('reset')).data).toEqual({ job: null, progress: null });
    const jobId = uuidv7();
    const early = await view(relay.url, jobId);
    await early.see('reset');
    await studio.publish(jobId);
    await early.see('progress');
    await studio.complete(jobId);
    await early.see('job', ({ data }) => data.status === 'completed');
    expect(viewer.messages).toHaveLength(1);
  });

  it('of a job that is being worked on loses nothing between the full state and what comes live', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    await (await view(relay.url, jobId)).see('reset');
    const all: number[] = [];
    const coming: Promise<TestViewer>[] = [];
    for (const n of range(400)) {
      if (n % 20 === 0) coming.push(view(relay.url, jobId));
      all.push(await studio.publish(jobId, { fraction: n / 400 }));
    }
    const viewers = await Promise.all(coming);
    for (const viewer of viewers) {
      await viewer.see('progress', ({ seq }) => seq === all.at(-1));
      const [reset] = viewer.messages;
      expect(viewer.seqs()).toEqual(all.filter((seq) => seq > (reset?.seq ?? 0)));
      expect(isChain(viewer.messages, 0)).toBe(true);
    }
    expect(new Set(viewers.map((viewer) => viewer.messages[0]?.seq)).size).toBeGreaterThan(1);
  });

  it('sees nothing of other jobs, and the same as another viewer of its own', async () => {
    const relay = await studio.relay();
    const [jobId, other] = [await studio.runningJob(), await studio.runningJob()];
    const [first, second] = [await view(relay.url, jobId), await view(relay.url, jobId)];
    await Promise.all([first.see('reset'), second.see('reset')]);
    for (const n of range(20)) await studio.publish(n % 2 === 0 ? other : jobId, { fraction: n / 20 });
    const last = await studio.publish(jobId, { fraction: 1 });
    await Promise.all([first, second].map((viewer) => viewer.see('progress', ({ seq }) => seq === last)));
    expect(first.messages).toEqual(second.messages);
    expect(first.seqs()).toHaveLength(11);
    expect(first.messages.every((message) => message.type !== 'progress' || message.data.jobId === jobId)).toBe(true);
  });

  it('passes over what is not progress of this job', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    const viewer = await view(relay.url, jobId);
    await viewer.see('reset');
    const nc = await studio.nats.connection();
    nc.publish(`anime-progress.${jobId}`, 'no JSON');
    nc.publish(`anime-progress.${jobId}`, JSON.stringify({ jobId }));
    await nc.flush();
    const seq = await studio.publish(jobId);
    await viewer.see('progress');
    expect(viewer.seqs()).toEqual([seq]);
    await metric(relay, 'invalid_progress_total{', 2);
  });
});

describe('a resume token', () => {
  it('goes on after a cut with exactly the messages that were missed, then live, and the job’s status', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    const viewer = await view(relay.url, jobId);
    await viewer.see('reset');
    const first = await studio.publish(jobId, { fraction: 0.1 });
    const { token } = await viewer.see('progress');
    await viewer.cut();
    const missed: number[] = [];
    for (const n of range(300)) missed.push(await studio.publish(jobId, { fraction: n / 300 }));
    await studio.complete(jobId);
    const again = await view(relay.url, jobId, token);
    const ended = await again.see('job');
    expect(ended.data.status).toBe('completed');
    missed.push(await studio.publish(jobId, { phase: 'ended', fraction: 1 }));
    await again.see('progress', ({ seq }) => seq === missed.at(-1));
    expect(again.messages.some((message) => message.type === 'reset')).toBe(false);
    expect(again.seqs()).toEqual(missed);
    expect(isChain(again.messages, first)).toBe(true);
  });

  it('goes on from the place of a reset too, and at another relay', async () => {
    const [relay, other] = [await studio.relay(), await studio.relay()];
    const jobId = await studio.runningJob();
    const { token } = await (await view(relay.url, jobId)).see('reset');
    await studio.publish(await studio.runningJob());
    const seq = await studio.publish(jobId);
    const again = await view(other.url, jobId, token);
    await again.see('progress');
    expect(again.messages.map(({ type }) => type)).toEqual(expect.not.arrayContaining(['reset']));
    expect(again.seqs()).toEqual([seq]);
  });

  it.each([
    ['garbage', () => 'garbage'],
    ['of another creation of the stream', (token: string) => `1${token}`],
    ['beyond the end of the stream', (token: string) => `${token}000`],
  ])('that is %s gets the full state', async (_, change) => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    await studio.publish(jobId, { fraction: 0.75 });
    const { token } = await (await view(relay.url, jobId)).see('reset');
    const viewer = await view(relay.url, jobId, change(token));
    expect((await viewer.see('reset')).data.progress?.fraction).toBe(0.75);
    expect(viewer.messages.filter((message) => message.type === 'progress')).toEqual([]);
  });

  it('whose next messages are no longer kept gets the full state; the oldest place that is kept goes on', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    const created = (await (await view(relay.url, jobId)).see('reset')).token.split(':')[0] ?? '';
    const seqs: number[] = [];
    for (const _ of range(21))
      seqs.push(...(await Promise.all(range(100).map((n) => studio.publish(jobId, { fraction: n / 100 })))));
    seqs.sort((a, b) => a - b);
    const oldest = seqs.at(-2048) ?? 0;

    const evicted = await view(relay.url, jobId, `${created}:${seqs.at(-2050)}`);
    expect((await evicted.see('reset')).seq).toBe(seqs.at(-1));
    const kept = await view(relay.url, jobId, `${created}:${oldest}`);
    await kept.see('progress', ({ seq }) => seq === seqs.at(-1));
    expect(kept.messages.some((message) => message.type === 'reset')).toBe(false);
    expect(kept.seqs()).toEqual(seqs.slice(-2047));
    expect(isChain(kept.messages, oldest)).toBe(true);
  });
});

describe('a slow viewer', () => {
  const bulk = 'x'.repeat(64 * 1024);

  it('gets several messages as one that says which it stands for, while another viewer gets each', async () => {
    const relay = await studio.relay();
    const jobId = await studio.runningJob();
    const [slow, quick] = [await view(relay.url, jobId), await view(relay.url, jobId)];
    const reset = await slow.see('reset');
    await quick.see('reset');
    slow.socket.pause();
    const seqs: number[] = [];
    for (const n of range(400)) seqs.push(await studio.publish(jobId, { fraction: n / 400, nodeTitle: bulk }));
    await quick.see('progress', ({ seq }) => seq === seqs.at(-1));
    slow.socket.resume();
    await slow.see('progress', ({ seq }) => seq === seqs.at(-1));
    expect(quick.seqs()).toEqual(seqs);
    expect(isChain(slow.messages, 0)).toBe(true);
    const coalesced = slow.messages.filter((message) => message.type === 'progress' && message.from !== undefined);
    expect(coalesced.length).toBeGreaterThan(0);
    let covered = reset.seq;
    for (const message of slow.messages) {
      if (message.type !== 'progress') continue;
      const stoodFor = seqs.filter((seq) => seq > covered && seq <= message.seq);
      expect([message.from ?? message.seq, message.to ?? message.seq]).toEqual([stoodFor[0], stoodFor.at(-1)]);
      covered = message.seq;
    }
    expect(covered).toBe(seqs.at(-1));
  }, 30_000);

  it('that takes nothing for too long is closed with 1013', async () => {
    const relay = await studio.relay({ stallMs: 300, sweepMs: 50, closeGraceMs: 20_000 });
    const jobId = await studio.runningJob();
    const viewer = await view(relay.url, jobId);
    await viewer.see('reset');
    viewer.socket.pause();
    for (const n of range(200)) await studio.publish(jobId, { fraction: n / 200, nodeTitle: bulk });
    await metric(relay, 'viewers_dismissed_total{code="1013"', 1);
    viewer.socket.resume();
    expect(await viewer.closed).toBe(1013);
  }, 30_000);

  it('that never takes anything again is cut off', async () => {
    const relay = await studio.relay({ stallMs: 200, sweepMs: 50, closeGraceMs: 100 });
    const jobId = await studio.runningJob();
    const viewer = await view(relay.url, jobId);
    await viewer.see('reset');
    viewer.socket.pause();
    for (const n of range(200)) await studio.publish(jobId, { fraction: n / 200, nodeTitle: bulk });
    await metric(relay, 'viewers{', 0);
    viewer.socket.terminate();
  }, 30_000);
});

describe('a viewer', () => {
  it('that answers no ping is cut off, one that does stays', async () => {
    const relay = await studio.relay({ pingMs: 150, sweepMs: 50 });
    const jobId = await studio.runningJob();
    const [dead, alive] = [await view(relay.url, jobId), await view(relay.url, jobId)];
    let pings = 0;
    alive.socket.on('ping', () => (pings += 1));
    await Promise.all([dead.see('reset'), alive.see('reset')]);
    dead.socket.pause();
    await eventually(() => pings >= 4, { what: 'some pings have come' });
    await metric(relay, 'viewers{', 1);
    expect(alive.socket.readyState).toBe(alive.socket.OPEN);
    dead.socket.terminate();
  });

  it('of a job that has ended is closed when nothing more comes for long, others stay', async () => {
    const relay = await studio.relay({ idleMs: 200, sweepMs: 50 });
    const [ended, running] = [await studio.runningJob(), await studio.runningJob()];
    const [done, waiting] = [await view(relay.url, ended), await view(relay.url, running)];
    await Promise.all([done.see('reset'), waiting.see('reset')]);
    await studio.complete(ended);
    expect(await done.closed).toBe(1000);
    expect(done.messages.at(-1)?.type).toBe('job');
    expect(waiting.socket.readyState).toBe(waiting.socket.OPEN);
  });

  it('is told 1001 when the relay stops, which does not wait for it', async () => {
    const relay = await studio.relay();
    const viewer = await view(relay.url, await studio.runningJob());
    await viewer.see('reset');
    const began = performance.now();
    await relay.stop();
    expect(await viewer.closed).toBe(1001);
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it('that sends too much is closed, what it says otherwise is ignored', async () => {
    const relay = await studio.relay();
    const viewer = await view(relay.url, await studio.runningJob());
    viewer.socket.send('hello');
    await viewer.see('reset');
    viewer.socket.send('x'.repeat(5_000));
    expect(await viewer.closed).toBe(1009);
  });
});

describe('what may not connect', () => {
  it.each([
    ['/api/anime/jobs/1/progress', 400, 'validation-failed'],
    ['/api/anime/jobs/0199F0F0-0000-7000-8000-000000000001/progress', 400, 'validation-failed'],
    ['/api/anime/jobs/0199f0f0-0000-7000-8000-000000000001/progress?other=1', 400, 'validation-failed'],
    ['/api/anime/jobs/0199f0f0-0000-7000-8000-000000000001/progress?resume=1:1&resume=1:2', 400, 'validation-failed'],
    ['/api/anime/jobs//progress', 400, 'validation-failed'],
    ['/api/anime/jobs/0199f0f0-0000-7000-8000-000000000001', 404, 'not-found'],
    ['/', 404, 'not-found'],
    ['//api/anime', 404, 'not-found'],
  ])('%s is answered %i', async (path, status, code) => {
    const relay = await studio.relay();
    const { type, ...answer } = await refusal(relay.url, path);
    expect(answer).toMatchObject({ status, body: { status, code, retryable: false, requestId: expect.any(String) } });
    expect(type).toBe('application/problem+json');
  });

  it('a page of another site, plain HTTP and a broken handshake are told why', async () => {
    const relay = await studio.relay();
    const path = `/api/anime/jobs/${uuidv7()}/progress`;
    expect(await refusal(relay.url, path, { origin: 'https://example.org' })).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated', detail: expect.stringContaining('Origin') },
    });
    const plain = await fetch(`${relay.url}${path}`);
    expect([plain.status, await plain.json()]).toMatchObject([400, { detail: expect.stringContaining('ws://') }]);
    for (const broken of [{ 'sec-websocket-key': undefined }, { 'sec-websocket-version': '7' }, { upgrade: 'h2c' }]) {
      expect(await refusal(relay.url, path, broken)).toMatchObject({
        status: 400,
        body: { code: 'validation-failed' },
      });
    }
  });

  it('an offer of HTTP/2 is passed over: the request is answered', async () => {
    const relay = await studio.relay();
    const socket = connect(Number(new URL(relay.url).port), '127.0.0.1');
    socket.write(
      'GET /health HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: \r\n\r\n',
    );
    const [first] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(String(first)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('one consumer', () => {
  it('serves all viewers of all jobs', async () => {
    const relay = await studio.relay();
    const jobs = [await studio.runningJob(), await studio.runningJob(), await studio.runningJob()];
    const viewers = await Promise.all(jobs.flatMap((jobId) => [view(relay.url, jobId), view(relay.url, jobId)]));
    await Promise.all(viewers.map((viewer) => viewer.see('reset')));
    const manager = await jetstreamManager(await studio.nats.connection());
    // Those of relays that were stopped are forgotten by the server within seconds.
    const consumers = async () => (await manager.streams.info('ANIME_PROGRESS')).state.consumer_count;
    await eventually(async () => (await consumers()) === 1, { what: 'one consumer is left' });
  }, 20_000);
});
