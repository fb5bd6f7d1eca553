import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { eventually, useNats } from '@anime/testing';
import { isProblem } from '@anime/problem-details';
import { jetstreamManager } from '@nats-io/jetstream';
import type { Batch } from '../event-log.js';
import type { NewEvent } from '../event.js';
import type { LogEntry } from '../log-entry.js';
import { followAll, START } from '../testing/conformance/follow-all.js';
import { assigned, cancelRequested, JOB, OTHER_JOB, outline, termStarted } from '../testing/conformance/samples.js';
import { useStudios, type Studio } from '../testing/jetstream/studio.js';
import { JobSampledV1 } from '../testing/sampled-contracts.js';
import { testEvent } from '../testing/test-event.js';
import { streamSettings, topology } from '../provision/settings.js';
import type { JetStreamLog } from './jetstream-log.js';

describe('a server that is killed', () => {
  const nats = useNats();
  const newStudio = useStudios(nats);

  it('and restarted, twice, under appends and a reader: no gap, no repeat, every event once', async () => {
    const studio = await newStudio();
    const writer = studio.open();
    const events = Array.from({ length: 1500 }, () => cancelRequested());
    const seen: { position: number; id: string | undefined }[] = [];
    const stop = new AbortController();
    const following = studio.open().follow({
      after: START,
      signal: stop.signal,
      maxBatch: 50,
      onBatch: async ({ entries }) => {
        for (const entry of entries)
          seen.push({ position: entry.position, id: entry.status === 'event' ? entry.event.id : undefined });
        if (seen.length >= events.length) stop.abort();
      },
    });
    const writing = appendAll(writer, events);
    const server = await nats.server();
    for (const after of [300, 800]) {
      await eventually(() => seen.length > after, { what: `the reader passed ${after}` });
      await server.kill();
      await server.restart();
    }
    await writing;
    await following;
    expect(seen.map(({ position }) => position)).toEqual(events.map((_, index) => index + 1));
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(events.map(({ id }) => id)));
  });

  it('forgets nothing of the terms: what was fenced is fenced after a restart', async () => {
    const studio = await newStudio();
    const log = studio.open();
    for (const event of [termStarted(2), assigned(1, 1)]) await log.append(event);
    expect(await log.lastOfAggregate('job', JOB)).toMatchObject({ status: 'fenced', term: 2 });
    const server = await nats.server();
    await server.kill();
    await server.restart();
    await eventually(() => log.state().connected, { what: 'the log is connected again' });
    expect(await log.lastOfAggregate('job', JOB)).toMatchObject({ status: 'fenced', term: 2 });
  });

  it('forgets nothing of the terms that a running reader has passed', async () => {
    const studio = await newStudio();
    const writer = studio.open();
    await writer.append(termStarted(2));
    const stop = new AbortController();
    const entries: LogEntry[] = [];
    const following = studio.open().follow({
      after: START,
      signal: stop.signal,
      onBatch: async (batch) => {
        entries.push(...batch.entries);
        if (entries.length >= 2) stop.abort();
      },
    });
    await eventually(() => entries.length === 1, { what: 'the reader has passed the term' });
    const server = await nats.server();
    await server.kill();
    await server.restart();
    await appendAll(writer, [assigned(1, 1)]);
    await following;
    expect(outline(entries)).toEqual(['1 event', '2 fenced']);
  });

  it('and comes back with another copy of the log is read with that copy’s terms', async () => {
    const studio = await newStudio();
    const log = studio.open();
    for (const event of [termStarted(2), assigned(1, 1)]) await log.append(event);
    expect(await log.lastOfAggregate('job', JOB)).toMatchObject({ status: 'fenced', position: 2 });
    const server = await nats.server();
    await server.kill();
    await rm(join(server.dataDir, 'jetstream'), { recursive: true });
    await server.restart();
    await addStream(studio);
    for (const event of [termStarted(1), assigned(1, 1)])
      await eventually(() => log.append(event), { what: 'the other copy is filled' });
    expect(await log.lastOfAggregate('job', JOB)).toMatchObject({ status: 'event', position: 2 });
  });

  it('lets a reader that began while it was away begin when it is back', async () => {
    const studio = await newStudio();
    await studio.open().append(cancelRequested());
    const server = await nats.server();
    await server.kill();
    const reading = followAll(studio.open());
    await server.restart();
    expect(outline((await reading).entries)).toEqual(['1 event']);
  });
});

describe('an older copy of the log put in its place', () => {
  const newStudio = useStudios();

  it('stops a running reader with checkpoint-mismatch, when the copy is shorter and when it has grown since', async () => {
    for (const grown of [false, true]) {
      const studio = await newStudio();
      const log = studio.open();
      const kept = cancelRequested();
      for (const event of [kept, cancelRequested(), cancelRequested()]) await log.append(event);
      const caughtUp = Promise.withResolvers<Batch>();
      const onBatch = async (batch: Batch): Promise<void> => {
        if (batch.caughtUp) caughtUp.resolve(batch);
      };
      const following = log.follow({ after: START, signal: new AbortController().signal, onBatch });
      const stopped = following.catch((error: unknown) => error);
      expect(await caughtUp.promise).toMatchObject({ checkpoint: { position: 3 } });
      await replaceLog(studio, [kept, ...(grown ? [cancelRequested(), cancelRequested(), cancelRequested()] : [])]);
      expect(await stopped).toMatchObject({ code: 'checkpoint-mismatch', message: expect.stringContaining('rebuild') });
    }
  });
});

describe('a full JetStream', () => {
  const newStudio = useStudios(useNats({ storeMaxBytes: 256 * 1024 }));

  it('answers log-full with the server’s reason, keeps what it has, and can still be read', async () => {
    const log = (await newStudio()).open();
    // Text that S2 cannot compress.
    const filler = (): NewEvent =>
      testEvent(JobSampledV1, OTHER_JOB, { words: Array.from({ length: 1000 }, () => crypto.randomUUID()) });
    const filling = async (): Promise<never> => {
      for (;;) await log.append(filler());
    };
    const full = await filling().catch((error: unknown) => error);
    expect(isProblem(full, 'log-full')).toBe(true);
    expect(full).toMatchObject({
      status: 503,
      retryAfter: 30,
      message: expect.stringMatching(/(resources|storage|maximum|space).*code \d+/),
    });
    const end = await log.end();
    await expect(log.append(filler())).rejects.toMatchObject({ code: 'log-full' });
    expect((await followAll(log)).entries).toHaveLength(end);
  });
});

/** Appends one after the other through outages, as a client that heeds Retry-After does. */
async function appendAll(log: JetStreamLog, events: readonly NewEvent[]): Promise<void> {
  for (const event of events) {
    await eventually(() => log.append(event), { what: `${event.id} is appended` });
  }
}

async function replaceLog(studio: Studio, events: readonly NewEvent[]): Promise<void> {
  await (await jetstreamManager(studio.nc)).streams.delete(studio.stream);
  await addStream(studio);
  const log = studio.open();
  for (const event of events) await log.append(event);
}

async function addStream(studio: Studio): Promise<void> {
  const settings = streamSettings(topology(studio))[0];
  if (settings === undefined) throw new Error('there are no settings for the stream');
  const manager = await jetstreamManager(await studio.connect());
  await manager.streams.add(settings);
}
