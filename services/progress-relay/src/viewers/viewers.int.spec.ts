import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Doorkeeper, KeyRing, localUser } from '@anime/api-keys';
import { JobAssignedV2, JobAttemptLostV1, JobRequestedV3 } from '@anime/contracts';
import { uuidv7, type LogEntry } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { collect, testEvent } from '@anime/event-store/testing';
import { eventually } from '@anime/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ProgressStream, type ProgressSnapshot } from '../adapters/nats/progress-stream.js';
import { openProgressDoor } from '../adapters/ws/progress-door.js';
import { useRelayStudio } from '../testing/studio.js';
import { isChain, view, type TestViewer } from '../testing/test-viewer.js';
import { LIMITS } from './limits.js';
import { Viewers } from './viewers.js';

/** A log that may take its time to hand over what it has read of a job. */
class SlowLog extends MemoryLog {
  reads = 0;
  handOver: Promise<void> = Promise.resolve();

  override async *readAggregate(...which: Parameters<MemoryLog['readAggregate']>): AsyncIterable<LogEntry> {
    const entries = await collect(super.readAggregate(...which));
    this.reads += 1;
    await this.handOver;
    yield* entries;
  }
}

/** A progress stream that may take its time to hand over a job's last message. */
class SlowStream extends ProgressStream {
  snapshots = 0;
  handOver: Promise<void> = Promise.resolve();

  override async snapshot(...which: Parameters<ProgressStream['snapshot']>): Promise<ProgressSnapshot> {
    const snapshot = await super.snapshot(...which);
    this.snapshots += 1;
    await this.handOver;
    return snapshot;
  }
}

const studio = useRelayStudio();
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const nothing = (): void => undefined;
const observer = { opened: nothing, dismissed: nothing, sent: nothing, invalid: nothing };

let log: SlowLog;
let progress: SlowStream;
let viewers: Viewers;
let come: (jobId: string, token?: string) => Promise<TestViewer>;
let stop: () => Promise<void>;
beforeEach(async () => {
  log = new SlowLog();
  const draining = new AbortController();
  progress = new SlowStream(studio.log());
  viewers = new Viewers({
    progress,
    previews: { open: () => nothing },
    log,
    eventsBegun: async () => undefined,
    limits: LIMITS,
    logger: quiet,
    observer,
  });
  const following = progress.run(viewers, draining.signal);
  const server = createServer();
  const local = localUser({ HOST: '127.0.0.1', ANIME_STUDIO: 'studio' });
  const doorkeeper = new Doorkeeper({ ring: new KeyRing(), local, now: () => new Date().toISOString() });
  openProgressDoor(server, viewers, doorkeeper);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on a port has an address of this kind.
  const { port } = server.address() as AddressInfo;
  come = (jobId, token) => view(`http://127.0.0.1:${port}`, jobId, token);
  stop = async () => {
    viewers.close();
    draining.abort();
    await following;
    server.close();
  };
});
afterEach(() => stop());

const REQUESTED = {
  type: 'image',
  template: { id: 'text-to-image', version: 1 },
  parameters: {},
  seed: 1,
  seedSource: 'given',
  inputs: [] as never[],
  limits: {},
  project: null,
} as const;
const ATTEMPT = { attempt: 1, executorId: uuidv7(), promptId: uuidv7() } as const;
const ASSIGNED = { ...ATTEMPT, variant: 'normal', vramGb: 1, freeMemory: false } as const;
const request = (jobId: string) => log.append(testEvent(JobRequestedV3, jobId, REQUESTED));
const assign = (jobId: string) => log.append(testEvent(JobAssignedV2, jobId, ASSIGNED));
const comesLive = async (after: number): Promise<void> => viewers.onEntries(await collect(log.read({ after })));
const statuses = (viewer: TestViewer) =>
  viewer.messages.map(
    (message) => message.type !== 'progress' && [message.type, 'job' in message.data ? message.data.job : message.data],
  );

/** Puts an older copy, which ends at `position`, in the place of the log. */
function restoreTo(position: number): void {
  log.restoreTo(position);
  viewers.onAnotherLog();
}

describe('an older copy in the place of the log', () => {
  it('gives those who look at a job its status there, and what happens there from then on', async () => {
    const jobId = uuidv7();
    await request(jobId);
    await assign(jobId);
    const viewer = await come(jobId);
    await viewer.see('reset', ({ data }) => data.job?.status === 'assigned');
    restoreTo(1);
    await viewer.see('reset', ({ data }) => data.job?.status === 'requested');
    await assign(jobId);
    await comesLive(1);
    await viewer.see('job', ({ data }) => data.status === 'assigned');
    viewers.onDiscontinuity();
    await studio.publish(jobId);
    await viewer.see('progress');
    expect(viewer.messages.map(({ type }) => type)).toEqual(['reset', 'reset', 'job', 'progress']);
    expect(isChain(viewer.messages, 0)).toBe(true);
  });

  it('is read, once, also for those who came as the former log was being read, nothing of which is shown', async () => {
    const jobId = uuidv7();
    await request(jobId);
    const reading = Promise.withResolvers<void>();
    log.handOver = reading.promise;
    const viewer = await come(jobId);
    await eventually(() => log.reads === 1, { what: 'the job is being read' });
    await assign(jobId);
    await comesLive(1);
    restoreTo(0);
    reading.resolve();
    expect((await viewer.see('reset')).data).toEqual({ job: null, progress: null });
    await request(jobId);
    await comesLive(0);
    await viewer.see('job');
    expect(statuses(viewer)).toMatchObject([
      ['reset', null],
      ['job', { status: 'requested', position: 1 }],
    ]);
    expect(log.reads).toBe(2);
  });

  it('lets nobody go on with a token of before, who came as the former log was being read', async () => {
    const jobId = uuidv7();
    await request(jobId);
    const before = await come(jobId);
    const { token } = await before.see('reset');
    await before.cut();
    await eventually(() => viewers.count === 0, { what: 'the viewer is gone' });
    const reading = Promise.withResolvers<void>();
    log.handOver = reading.promise;
    const viewer = await come(jobId, token);
    await eventually(() => log.reads === 2, { what: 'the job is being read again' });
    restoreTo(0);
    reading.resolve();
    expect((await viewer.see('reset')).data.job).toBeNull();
  });
});

describe('an attempt that is given up while the full state is read', () => {
  it('has no progress in it, nor in what came live meanwhile', async () => {
    const [jobId, other] = [uuidv7(), uuidv7()];
    await request(jobId);
    await assign(jobId);
    await studio.publish(jobId);
    const watching = await come(other);
    await watching.see('reset');
    const reading = Promise.withResolvers<void>();
    progress.handOver = reading.promise;
    const viewer = await come(jobId);
    await eventually(() => progress.snapshots === 2, { what: 'the last progress was read' });
    const lost = await log.append(testEvent(JobAttemptLostV1, jobId, ATTEMPT));
    await comesLive(lost.position - 1);
    await studio.publish(jobId);
    await studio.publish(other);
    await watching.see('progress');
    reading.resolve();
    expect((await viewer.see('reset')).data).toMatchObject({ job: { status: 'assigned' }, progress: null });
    const next = await studio.publish(jobId, { attempt: 2 });
    await viewer.see('progress', ({ seq }) => seq === next);
    expect(viewer.seqs()).toEqual([next]);
  });
});
