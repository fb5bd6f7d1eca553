import { execFileSync } from 'node:child_process';
import { constants, mkdtemp, open, readdir, readFile, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FsBlobStore } from '@anime/blob-store';
import { JobScoredV1, SCORER_DURABLE } from '@anime/contracts';
import {
  createDurable,
  isEvent,
  openLog,
  provision,
  type EventOf,
  type JetStreamLog,
  type RecordedEvent,
} from '@anime/event-store';
import { eventually, spawnService, useNats } from '@anime/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { appendExecuted, executedOutput } from './testing/executed-attempt.js';

const ENTRY = path.join(import.meta.dirname, '..', 'dist', 'main.js');
const PICTURE = new URL('../../../libs/quality-metrics/golden/images/face_a.png', import.meta.url);
const nats = useNats();
let natsUrl: string;
let log: JetStreamLog;
let root: string;

beforeAll(async () => {
  natsUrl = (await nats.server()).url;
  await provision({ natsUrl, durables: [] });
  // A short ack wait, so that what a killed process held comes back at once.
  await createDurable(SCORER_DURABLE.name, { natsUrl, from: 'start', ackWaitMs: 1_000 });
  log = openLog({ natsUrl, name: 'test' });
});
afterAll(async () => log.close());

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'anime-scorer-'));
});
afterEach(async () => rm(root, { recursive: true, force: true }));

async function scored(jobId: string): Promise<(EventOf<typeof JobScoredV1> & RecordedEvent)[]> {
  const found: (EventOf<typeof JobScoredV1> & RecordedEvent)[] = [];
  for await (const entry of log.readAggregate('job', jobId)) {
    if (entry.status === 'event' && isEvent(entry.event, JobScoredV1)) found.push(entry.event);
  }
  return found;
}

/** The writing end of a pipe, once somebody reads it; what is written must fit the pipe's 64 KiB. */
async function openForReader(pipe: string): Promise<FileHandle> {
  return eventually(() => open(pipe, constants.O_WRONLY | constants.O_NONBLOCK), {
    what: 'the process reads the blob',
  });
}

describe('the quality-scorer process', () => {
  it('killed while it measures gives one score after its restart', async () => {
    const blobs = new FsBlobStore(root);
    const picture = await readFile(PICTURE);
    const blob = await blobs.put(picture);
    const found = (await readdir(root, { recursive: true, withFileTypes: true })).find(
      (entry) => entry.name === blob.sha256,
    );
    if (found === undefined) throw new Error('the blob is not there');
    const file = path.join(found.parentPath, found.name);
    // The blob as a pipe gives its bytes when the test does, so the process is known to be in the middle.
    await rm(file);
    execFileSync('mkfifo', [file]);
    await using service = await spawnService({
      entry: ENTRY,
      env: { NATS_URL: natsUrl, ANIME_BLOBS_DIR: root, LOG_LEVEL: 'warn' },
    });
    const executed = await appendExecuted(log, [executedOutput(blob)]);
    const pipe = await openForReader(file);
    await pipe.write(picture.subarray(0, 1_000));
    await service.kill('SIGKILL');
    await pipe.close();
    expect(await scored(executed.aggregateId)).toEqual([]);

    await rm(file);
    await blobs.put(picture);
    await service.restart();
    await eventually(async () => (await scored(executed.aggregateId)).length > 0, {
      what: 'the attempt is scored',
      timeoutMs: 20_000,
    });
    // Another job through the same process: when it is done, a second fact of the first would have come.
    const next = await appendExecuted(log, [executedOutput(blob)]);
    await eventually(async () => (await scored(next.aggregateId)).length > 0, { what: 'the next attempt is scored' });
    const facts = await scored(executed.aggregateId);
    expect(facts).toHaveLength(1);
    expect(facts[0]?.data.outputs[0]?.metrics.map((metric) => metric.status)).toEqual(['measured', 'measured']);
    expect(await service.stop()).toEqual({ code: 0, signal: null });
  }, 60_000);
});
