import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FsBlobStore } from '@anime/blob-store';
import {
  JobAcceptedV1,
  DeadLetterOrganizerParkedV1,
  EVENTS_STREAM,
  JobAttemptLostV1,
  JobOrganisedV1,
  JobOrganiseFailedV1,
  ORGANIZER_DURABLE,
  type OrganisedFile,
} from '@anime/contracts';
import {
  deadLetterIdOf,
  openLog,
  provision,
  type EventOf,
  type JetStreamLog,
  type RecordedEvent,
  uuidv7,
} from '@anime/event-store';
import { eventsOf, executedAttempt, executedOutput, GRAPH_HASH, testEvent, TRACE } from '@anime/event-store/testing';
import { JetStreamStrategy } from '@anime/messaging';
import { losingAcknowledgements } from '@anime/messaging/testing';
import { createLogger, readConfig, runService, type RunningService } from '@anime/service-runtime';
import { durableSettled, eventually, GARBAGE_HEADERS, publishRaw, useNats } from '@anime/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import sharp from 'sharp';
import { LibraryFolder } from './adapters/library/library-folder.js';
import { StagingFolder } from './adapters/library/staging-folder.js';
import { composeFileOrganizer } from './app.module.js';
import { FileOrganizerConfig } from './config.js';
import { consumers } from './consumers.js';
import { appendExecutedJob } from './testing/executed-job.js';
import { animatedWebp, png } from './testing/pictures.js';

const GOLDEN = new URL('../../../contracts/golden/', import.meta.url);

// A wait that fails shall say what it waited for, before Jest's own limit ends the test.
jest.setTimeout(20_000);

const nats = useNats();
const RETRIES = { maxDeliveries: 3, backoffMs: [20] };
let natsUrl: string;
let log: JetStreamLog;
let root: string;
let blobs: FsBlobStore;
let library: string;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  natsUrl = (await nats.server()).url;
  await provision({ natsUrl });
  log = openLog({ natsUrl, name: 'test' });
});
afterAll(async () => log.close());
// The organizer forbids its process all other decoders; this process runs other specs after this one.
afterAll(() => sharp.unblock({ operation: ['VipsForeignLoad'] }));

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'anime-organizer-'));
  library = path.join(root, 'library');
  blobs = new FsBlobStore(path.join(root, 'blobs'));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await rm(root, { recursive: true, force: true });
});

async function start(retries = RETRIES): Promise<RunningService> {
  const env = {
    NATS_URL: natsUrl,
    PORT: '0',
    LOG_LEVEL: 'silent',
    ANIME_BLOBS_DIR: path.join(root, 'blobs'),
    ANIME_LIBRARY_DIR: library,
  };
  const service = await runService(composeFileOrganizer(readConfig(FileOrganizerConfig, env), retries));
  stops.push(() => service.stop());
  return service;
}

async function organised(jobId: string): Promise<EventOf<typeof JobOrganisedV1> & RecordedEvent> {
  return eventually(async () => (await eventsOf(log, JobOrganisedV1, jobId))[0], { what: `${jobId} is organised` });
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .toSorted();
}

const settled = async (): Promise<void> =>
  durableSettled(await nats.connection(), EVENTS_STREAM, ORGANIZER_DURABLE.name);

describe('an executed attempt', () => {
  it('is filed with thumbnail and sidecar, and its fact continues the trail', async () => {
    const still = await blobs.put(await png(300, 200));
    const film = await blobs.put(await animatedWebp(32, 48, 3));
    await start();
    const executed = await appendExecutedJob(log, [
      executedOutput(still),
      executedOutput(film, { node: '9', kind: 'animation', mediaType: 'image/webp' }),
    ]);
    const event = await organised(executed.aggregateId);

    expect(event).toMatchObject({
      correlationId: executed.correlationId,
      causationId: executed.id,
      actor: 'service:file-organizer',
      producer: 'file-organizer',
    });
    expect(event.traceparent?.slice(0, 35)).toBe(TRACE.slice(0, 35));
    const pictures = `unorganized/images/20261120/${executed.aggregateId}_1_7_0`;
    const videos = `unorganized/videos/20261120/${executed.aggregateId}_1_9_0`;
    expect(
      event.data.files.map(({ role, path: file, width, height, frames }) => [role, file, width, height, frames]),
    ).toEqual([
      ['output', `${pictures}.png`, 300, 200, 1],
      ['thumbnail', `${pictures}.thumb.webp`, 256, 171, 1],
      ['sidecar', `${pictures}.json`, undefined, undefined, undefined],
      ['output', `${videos}.webp`, 32, 48, 3],
      ['thumbnail', `${videos}.thumb.webp`, 32, 48, 1],
      ['sidecar', `${videos}.json`, undefined, undefined, undefined],
    ]);
    expect(await filesBelow(library)).toEqual(event.data.files.map((file) => file.path).toSorted());
    for (const file of event.data.files) await expectOnDisk(file);

    const thumbnail = await sharp(path.join(library, `${pictures}.thumb.webp`)).metadata();
    expect(thumbnail).toMatchObject({ format: 'webp', width: 256, height: 171 });
    const sidecar: unknown = JSON.parse(await readFile(path.join(library, `${videos}.json`), 'utf8'));
    expect(sidecar).toMatchObject({
      job: executed.aggregateId,
      attempt: 1,
      seed: 42,
      checkpoints: ['anime-v1.safetensors'],
      graph: { sha256: GRAPH_HASH, variant: 'normal' },
      output: { sha256: film.sha256, size: film.size, mediaType: 'image/webp', width: 32, height: 48, frames: 3 },
      executedEvent: executed.id,
    });
  });

  it('of a project is filed below its slug, and below its id when the event is older than slugs', async () => {
    const id = '5d1f7f0c-7c0e-5a53-9b3a-2f6d0f5c9a10';
    const still = await blobs.put(await png(8, 8));
    await start();
    const now = await appendExecutedJob(log, [executedOutput(still)], { project: { id, slug: 'demo-film' } });
    const [output] = (await organised(now.aggregateId)).data.files;
    expect(output?.path).toBe(`demo-film/jobs/2026/11/20/${now.aggregateId}_1_7_0.png`);

    const older = uuidv7();
    const golden = JSON.parse(await readFile(new URL('job.accepted.v1.json', GOLDEN), 'utf8')) as { data: object };
    const data = JobAcceptedV1.data.parse({ ...golden.data, project: id });
    await log.append(testEvent(JobAcceptedV1, older, data, { epoch: 1 }));
    await log.append(executedAttempt([executedOutput(still)], older));
    const [filed] = (await organised(older)).data.files;
    expect(filed?.path).toBe(`${id}/jobs/2026/11/20/${older}_1_7_0.png`);
  });

  it.each([
    ['bytes that are no picture', Buffer.from('this is no picture at all')],
    ['an SVG that claims to be a PNG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"/>')],
  ])('of %s is filed all the same, without thumbnail and dimensions', async (_what, bytes) => {
    const garbage = await blobs.put(bytes);
    await start();
    const executed = await appendExecutedJob(log, [executedOutput(garbage)]);
    const { files } = (await organised(executed.aggregateId)).data;
    expect(files.map((file) => file.role)).toEqual(['output', 'sidecar']);
    expect(files[0]).not.toHaveProperty('width');
    for (const file of files) await expectOnDisk(file);
  });

  it('of a job with garbage behind its acceptance is filed, and does not fail', async () => {
    const still = await blobs.put(await png(9, 9));
    const executed = await appendExecutedJob(log, [executedOutput(still)]);
    await putGarbage(`${log.root}.job.${executed.aggregateId}.orchestrator.accepted`);
    await start();
    expect((await organised(executed.aggregateId)).data.files[0]).toMatchObject({ role: 'output', width: 9 });
    expect(await eventsOf(log, JobOrganiseFailedV1, executed.aggregateId)).toEqual([]);
  });

  it('never overwrites a file that somebody put under its name', async () => {
    const still = await blobs.put(await png(8, 8));
    await start();
    const first = await appendExecutedJob(log, [executedOutput(still)]);
    const [placed] = (await organised(first.aggregateId)).data.files;
    // Touched up by hand; then the attempt is filed again from an empty durable.
    const file = path.join(library, placed?.path ?? '');
    await writeFile(file, 'touched up');
    const again = await new LibraryFolder(library).place(placed?.path ?? '', {
      ...still,
      chunks: () => blobs.stream(still.sha256),
    });
    expect(await readFile(file, 'utf8')).toBe('touched up');
    expect(again.path).toBe(placed?.path.replace('.png', `_${still.sha256.slice(0, 16)}.png`));
    await expectOnDisk({ ...again });
  });
});

describe('redelivery', () => {
  it('after a lost acknowledgement leaves one fact and the same files', async () => {
    const still = await blobs.put(await png(20, 20));
    const executed = await appendExecutedJob(log, [executedOutput(still)]);
    const real = consumers(
      { log, blobs, library: new LibraryFolder(library), now: () => new Date().toISOString() },
      RETRIES,
    );
    const { table, deliveries } = losingAcknowledgements(real, executed.aggregateId, 2);
    const strategy = new JetStreamStrategy({
      log,
      table,
      service: 'file-organizer',
      logger: createLogger('test', { level: 'silent' }),
    });
    stops.push(() => strategy.close());
    strategy.listen(() => undefined);
    await eventually(() => deliveries.length === 3, { what: 'three deliveries' });
    await settled();
    expect(deliveries).toEqual([1, 2, 3]);
    const facts = await eventsOf(log, JobOrganisedV1, executed.aggregateId);
    expect(facts).toHaveLength(1);
    expect(await filesBelow(library)).toEqual(facts[0]?.data.files.map((file) => file.path).toSorted());
  });

  it('of an attempt that was filed already is answered from the log', async () => {
    const still = await blobs.put(await png(21, 21));
    const executed = await appendExecutedJob(log, [executedOutput(still)]);
    const [row] = consumers(
      { log, blobs, library: new LibraryFolder(library), now: () => new Date().toISOString() },
      RETRIES,
    );
    if (row?.kind !== 'reactor' || row.isCurrent === undefined) throw new Error('not a reactor with a currency check');
    const recorded = await log.lastOnSubject(executed.contract, executed.aggregateId);
    if (recorded?.status !== 'event') throw new Error('executed is not there');
    expect(await row.isCurrent(recorded.event)).toBe(true);
    await row.handle(recorded.event, { deliveries: 1, signal: new AbortController().signal });
    expect(await row.isCurrent(recorded.event)).toBe(false);
    await putGarbage(`${log.root}.job.${executed.aggregateId}.file-organizer`);
    expect(await row.isCurrent(recorded.event)).toBe(false);
  });
});

describe('an attempt whose executor was given up before it reported', () => {
  it('is not filed: another attempt makes the files of the job', async () => {
    const executed = await appendExecutedJob(log, [executedOutput(await blobs.put(await png(23, 23)))]);
    const { attempt, executorId, promptId } = executed.data;
    const order = testEvent(JobAttemptLostV1, executed.aggregateId, { attempt, executorId, promptId }, { epoch: 1 });
    await log.append(order);
    await start();
    await settled();
    expect(await eventsOf(log, JobOrganisedV1, executed.aggregateId)).toEqual([]);
    expect(await filesBelow(library)).toEqual([]);
  });
});

describe('a missing blob', () => {
  const missing = { sha256: 'd'.repeat(64), size: 10 };

  it('parks the event after the last delivery: the job learns it, people find a dead letter, nothing is filed', async () => {
    await start();
    const executed = await appendExecutedJob(log, [executedOutput(missing)]);
    const letterId = deadLetterIdOf(ORGANIZER_DURABLE.name, executed.id);
    const letter = await eventually(async () => (await eventsOf(log, DeadLetterOrganizerParkedV1, letterId))[0], {
      what: 'a dead letter',
    });
    expect(letter.data).toEqual({
      consumer: ORGANIZER_DURABLE.name,
      eventId: executed.id,
      eventName: 'job.executed.v2',
      aggregateId: executed.aggregateId,
      error: { code: 'blob-not-found', message: expect.stringContaining(missing.sha256) },
      deliveries: RETRIES.maxDeliveries,
    });
    await settled();
    const failures = await eventsOf(log, JobOrganiseFailedV1, executed.aggregateId);
    expect(failures.map((event) => [event.data.attempt, event.data.code, event.causationId])).toEqual([
      [1, 'blob-not-found', executed.id],
    ]);
    expect(await eventsOf(log, JobOrganisedV1, executed.aggregateId)).toEqual([]);
    expect(await filesBelow(library)).toEqual([]);
  });

  it('that comes back in time is filed', async () => {
    const picture = await png(33, 33, 7);
    const blob = { sha256: createHash('sha256').update(picture).digest('hex'), size: picture.byteLength };
    // However slow the machine is, the blob is there before the second try.
    const service = await start({ ...RETRIES, backoffMs: [3_000] });
    const executed = await appendExecutedJob(log, [executedOutput(blob)]);
    await eventually(
      async () => /anime_consumer_handled_total\{[^}]*outcome="retry"[^}]*\} [1-9]/.test(await metricsOf(service)),
      {
        what: 'a first try has failed',
        intervalMs: 2,
      },
    );
    await blobs.put(picture);
    expect((await organised(executed.aggregateId)).data.files[0]).toMatchObject({ sha256: blob.sha256, width: 33 });
  });
});

describe('the service', () => {
  it('is ready when log, durable and library are there, and names the library when it is not', async () => {
    await writeFile(path.join(root, 'library'), 'a file where the folder should be');
    const service = await start();
    const report = async (): Promise<unknown> => (await fetch(new URL('/ready', service.url))).json();
    await eventually(async () => JSON.stringify(await report()).includes('ENOTDIR'), { what: 'the library is named' });
    await rm(path.join(root, 'library'));
    const ready = await eventually(
      async () => {
        const answer = await fetch(new URL('/ready', service.url));
        return answer.ok ? answer.json() : undefined;
      },
      { what: 'ready' },
    );
    expect(ready).toMatchObject({ ready: true, checks: [{ name: 'log' }, { name: 'consumers' }, { name: 'library' }] });
  });

  it('clears what an ended process left half written, and nothing else', async () => {
    const incoming = path.join(library, '.incoming');
    await mkdir(incoming, { recursive: true });
    const host = path.basename(new StagingFolder(incoming).newFile()).split('.')[2];
    await writeFile(path.join(incoming, `a.4194999.${host}`), 'half');
    await writeFile(path.join(incoming, `b.1.another-host`), 'being written');
    await start();
    await eventually(async () => (await readdir(incoming)).join() === 'b.1.another-host', {
      what: 'only the other host’s file is left',
    });
  });
});

/** Returns when it is stored. */
async function putGarbage(subject: string): Promise<void> {
  const { port } = await nats.server();
  const before = await log.end();
  const blocks = Object.values(GARBAGE_HEADERS);
  for (const headerBlock of blocks) await publishRaw(port, { subject, headerBlock });
  await eventually(async () => (await log.end()) >= before + blocks.length, { what: 'the garbage is stored' });
}

async function metricsOf(service: RunningService): Promise<string> {
  return (await fetch(new URL('/metrics', service.url))).text();
}

async function expectOnDisk(file: Pick<OrganisedFile, 'path' | 'sha256' | 'size'>): Promise<void> {
  const content = await readFile(path.join(library, file.path));
  expect([createHash('sha256').update(content).digest('hex'), content.byteLength]).toEqual([file.sha256, file.size]);
}
