import { describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { streamSettings, topology } from '../provision/settings.js';
import type { Batch } from '../event-log.js';
import type { LogEntry } from '../log-entry.js';
import { collect } from '../testing/collect.js';
import { followAll, START } from '../testing/conformance/follow-all.js';
import { cancelRequested, JOB, outline, termStarted } from '../testing/conformance/samples.js';
import { useStudios, type Studio } from '../testing/jetstream/studio.js';

const newStudio = useStudios();

describe('a log that lacks a message', () => {
  it('is refused by every reader behind what comes before the gap; nothing behind it is handed over', async () => {
    const studio = await newStudio();
    const log = studio.open();
    await makeAnew(studio, { deny_delete: false });
    for (let n = 0; n < 4; n += 1) await log.append(cancelRequested());
    await (await jetstreamManager(studio.nc)).streams.deleteMessage(studio.stream, 3);
    const lacks = { code: 'log-incompatible', message: expect.stringContaining('lacks the message at position 3') };
    for (const maxBatch of [1, 500]) {
      const batches: Batch[] = [];
      const onBatch = async (batch: Batch): Promise<void> => void batches.push(batch);
      const following = log.follow({ after: START, signal: new AbortController().signal, maxBatch, onBatch });
      await expect(following).rejects.toMatchObject(lacks);
      expect(outline(batches.flatMap(({ entries }) => entries))).toEqual(['1 event', '2 event']);
      expect(batches.map(({ caughtUp }) => caughtUp)).not.toContain(true);
    }
    await expect(collect(log.read({ after: 0 }))).rejects.toMatchObject(lacks);
  });

  it('only as one consumer saw it is looked at again: the reader goes on when the message is there', async () => {
    const studio = await newStudio();
    const log = studio.open();
    await makeAnew(studio, { deny_delete: false });
    const events = Array.from({ length: 4 }, () => cancelRequested());
    for (const event of events) await log.append(event);
    await (await jetstreamManager(studio.nc)).streams.deleteMessage(studio.stream, 3);
    const stop = new AbortController();
    const seen: Batch[] = [];
    await log.follow({
      after: START,
      signal: stop.signal,
      onBatch: async (batch) => {
        seen.push(batch);
        // The gap is known to the reader, but not yet looked at: meanwhile the whole log is put back.
        if (seen.length === 1) {
          await makeAnew(studio);
          for (const event of events) await log.append(event);
        }
        if (batch.caughtUp) stop.abort();
      },
    });
    expect(seen.map(({ entries }) => outline(entries))).toEqual([
      ['1 event', '2 event'],
      ['3 event', '4 event'],
    ]);
  });

  it('at its beginning is read from its first message on', async () => {
    const studio = await newStudio();
    const log = studio.open();
    await makeAnew(studio, { first_seq: 5 });
    await log.append(cancelRequested());
    expect(outline((await followAll(log)).entries)).toEqual(['5 event']);
    expect(outline(await collect(log.read({ after: 0 })))).toEqual(['5 event']);
  });
});

describe('a log whose stream was deleted', () => {
  it('is unavailable, names the repair, and is read and written again by itself when the stream was made', async () => {
    const studio = await newStudio();
    const log = studio.open();
    const decision = cancelRequested(JOB, { epoch: 1 });
    await (await jetstreamManager(studio.nc)).streams.delete(studio.stream);
    const away = {
      code: 'log-unavailable',
      message: expect.stringMatching(/EVENTS_\d+: the stream does not exist \(anime provision\)/),
      retryAfter: 2,
    };
    await expect(log.lastOfAggregate('job', JOB)).rejects.toMatchObject(away);
    await expect(collect(log.readAggregate('job', JOB))).rejects.toMatchObject(away);
    await expect(collect(log.read({ after: 0 }))).rejects.toMatchObject(away);
    await expect(log.end()).rejects.toMatchObject(away);
    await expect(log.append(decision)).rejects.toMatchObject({
      code: 'log-unavailable',
      message: expect.stringContaining('anime provision'),
    });
    const stop = new AbortController();
    const seen: LogEntry[] = [];
    const reading = log.follow({
      after: START,
      signal: stop.signal,
      onBatch: async ({ entries }) => {
        seen.push(...entries);
        if (seen.length === 2) stop.abort();
      },
    });
    await makeAnew(studio);
    for (const event of [termStarted(1), decision]) await log.append(event);
    expect(await log.lastOfAggregate('job', JOB)).toMatchObject({ status: 'event', position: 2 });
    await reading;
    expect(outline(seen)).toEqual(['1 event', '2 event']);
  });
});

/** Deletes the studio's stream and makes it again, empty, with some settings changed. */
async function makeAnew(studio: Studio, changes: object = {}): Promise<void> {
  const { streams } = await jetstreamManager(studio.nc);
  await streams.delete(studio.stream).catch(() => undefined);
  const settings = streamSettings(topology(studio))[0];
  if (settings === undefined) throw new Error('there are no settings for the stream');
  await streams.add({ ...settings, ...changes });
}
