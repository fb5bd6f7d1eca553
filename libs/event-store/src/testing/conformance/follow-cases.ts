import { expect, it } from '@jest/globals';
import type { Batch } from '../../event-log.js';
import type { ConformanceFactory } from './harness.js';
import { followAll, START } from './follow-all.js';
import { SAMPLED_V1 } from '../sampled-contracts.js';
import { assigned, cancelRequested, JOB, outline, started, termStarted } from './samples.js';

export function followCases(factory: ConformanceFactory): void {
  it('hands over the history in bounded batches with checkpoints, and says when it has caught up', async () => {
    const { log } = await factory();
    const events = Array.from({ length: 7 }, () => cancelRequested());
    for (const event of events) await log.append(event);
    const { entries, batches } = await followAll(log, START, 3);
    expect(outline(entries)).toEqual([1, 2, 3, 4, 5, 6, 7].map((position) => `${position} event`));
    expect(Math.max(...batches.map((batch) => batch.entries.length))).toBeLessThanOrEqual(3);
    expect(batches.map(({ caughtUp }) => caughtUp)).toEqual([...batches.slice(1).map(() => false), true]);
    for (const { checkpoint, entries: batch } of batches) {
      expect(checkpoint).toEqual({ position: batch.at(-1)?.position, eventId: events[checkpoint.position - 1]?.id });
    }
    expect(batches.at(-1)).toMatchObject({ end: 7 });
  });

  it('goes on behind a checkpoint', async () => {
    const { log } = await factory();
    await log.append(cancelRequested());
    const second = cancelRequested();
    await log.append(second);
    await log.append(cancelRequested());
    const { entries } = await followAll(log, { position: 2, eventId: second.id });
    expect(outline(entries)).toEqual(['3 event']);
  });

  it('fences by the terms before its checkpoint, too', async () => {
    const { log, readBy } = await factory();
    const events = [termStarted(2), assigned(1, 1), assigned(2, 2), termStarted(3), assigned(3, 2), assigned(4, 3)];
    for (const event of events) await log.append(event);
    const judged = ['1 event', '2 fenced', '3 event', '4 event', '5 fenced', '6 event'];
    for (const [index, { id }] of events.slice(0, -1).entries()) {
      const position = index + 1;
      // A reader that has read nothing yet must learn the earlier terms by itself.
      const { entries } = await followAll(readBy(SAMPLED_V1), { position, eventId: id });
      expect(outline(entries)).toEqual(judged.slice(position));
    }
  });

  it('calls once without entries when nothing is behind the checkpoint', async () => {
    const { log } = await factory();
    const nothing = { entries: [], checkpoint: START, caughtUp: true, end: 0 };
    expect((await followAll(log)).batches).toEqual([nothing]);
    const event = cancelRequested();
    await log.append(event);
    const checkpoint = { position: 1, eventId: event.id };
    expect((await followAll(log, checkpoint)).batches).toEqual([{ entries: [], checkpoint, caughtUp: true, end: 1 }]);
  });

  it('hands over what is appended later, one batch at a time', async () => {
    const { log } = await factory();
    const stop = new AbortController();
    const seen: number[] = [];
    let running = 0;
    await log.follow({
      after: START,
      signal: stop.signal,
      onBatch: async (batch: Batch) => {
        running += 1;
        expect(running).toBe(1);
        seen.push(...batch.entries.map(({ position }) => position));
        if (seen.length < 10) await log.append(cancelRequested());
        else stop.abort();
        running -= 1;
      },
    });
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('passes on what the handler throws', async () => {
    const { log } = await factory();
    await log.append(cancelRequested());
    const failing = log.follow({
      after: START,
      signal: new AbortController().signal,
      onBatch: () => Promise.reject(new Error('no room for rows')),
    });
    await expect(failing).rejects.toThrow('no room for rows');
  });

  it('refuses a checkpoint that names another event, or a position beyond the end, and says rebuild', async () => {
    const { log, root, putRaw } = await factory();
    await log.append(cancelRequested());
    const mismatch = { code: 'checkpoint-mismatch', message: expect.stringContaining('rebuild') };
    await expect(followAll(log, { position: 1, eventId: JOB })).rejects.toMatchObject(mismatch);
    await expect(followAll(log, { position: 2, eventId: JOB })).rejects.toMatchObject(mismatch);
    await putRaw({ subject: `${root}.job.${JOB}.gateway`, data: 'garbage' });
    await log.append(started(1));
    expect(outline((await followAll(log, { position: 2, eventId: '' })).entries)).toEqual(['3 event']);
    await expect(followAll(log, { position: 1, eventId: '' })).rejects.toMatchObject(mismatch);
  });

  it('hands void messages over in their place', async () => {
    const { log, root, putRaw } = await factory();
    await log.append(cancelRequested());
    await putRaw({ subject: `${root}.nonsense`, data: 'garbage' });
    await log.append(cancelRequested());
    const { entries, batches } = await followAll(log);
    expect(outline(entries)).toEqual(['1 event', '2 void', '3 event']);
    expect(batches.at(-1)?.checkpoint.position).toBe(3);
  });
}
