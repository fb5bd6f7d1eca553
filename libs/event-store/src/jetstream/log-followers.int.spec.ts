import { logReaderName } from '@anime/contracts';
import { eventually } from '@anime/testing';
import { describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import type { Batch } from '../event-log.js';
import { streamSettings, topology } from '../provision/settings.js';
import { followAll } from '../testing/conformance/follow-all.js';
import { assigned, cancelRequested, JOB, outline, termStarted } from '../testing/conformance/samples.js';
import { consumers, filled as filledFrom, follow, hasRead, upTo } from '../testing/jetstream/following.js';
import { useStudios, type Studio } from '../testing/jetstream/studio.js';

const newStudio = useStudios();
const filled = async (count: number) => filledFrom(await newStudio(), count);

describe('several followers of one log in a process', () => {
  it('read it once: with one consumer, and each message is judged once for all', async () => {
    const { studio, log } = await filled(30);
    const all = [follow(log, { maxBatch: 7 }), follow(log, { maxBatch: 100 }), follow(log)];
    for (const one of all) await hasRead(one, 30);
    for (const one of all) expect(one.positions()).toEqual(upTo(30));
    for (const one of all) for (const [n, entry] of one.entries.entries()) expect(entry).toBe(all[0]?.entries[n]);
    expect(await consumers(studio)).toEqual([logReaderName('together', 1)]);
    await Promise.all(all.map((one) => one.stop()));
  });

  it('get what each has not had, wherever each begins and whenever it comes', async () => {
    const { log, at } = await filled(60);
    const first = follow(log, { after: at(40), maxBatch: 3 });
    await hasRead(first, 60);
    const others = [0, 10, 59, 60, 40].map((position) =>
      follow(log, { maxBatch: 5, ...(position === 0 ? {} : { after: at(position) }) }),
    );
    await log.append(cancelRequested());
    for (const one of [first, ...others]) await hasRead(one, 61);
    expect([first, ...others].map((one) => one.positions())).toEqual([41, 1, 11, 60, 61, 41].map((n) => upTo(61, n)));
    await Promise.all([first, ...others].map((one) => one.stop()));
  });

  it('do not wait for one that hangs, which misses nothing and joins them again', async () => {
    const { studio, log } = await filled(20);
    const { promise: hangs, resolve: goOn } = Promise.withResolvers<void>();
    const slow = follow(log, {
      maxBatch: 5,
      work: ({ checkpoint }) => (checkpoint.position === 10 ? hangs : Promise.resolve()),
    });
    const [quick, late] = [follow(log, { maxBatch: 5 }), follow(log, { maxBatch: 5 })];
    await hasRead(quick, 20);
    await log.append(cancelRequested());
    await hasRead(late, 21);
    expect(slow.positions()).toEqual(upTo(5));
    goOn();
    await hasRead(slow, 21);
    await log.append(cancelRequested());
    for (const one of [slow, quick, late]) await hasRead(one, 22);
    for (const one of [slow, quick, late]) expect(one.positions()).toEqual(upTo(22));
    await eventually(async () => (await consumers(studio)).length === 1, { what: 'they read together' });
    await Promise.all([slow, quick, late].map((one) => one.stop()));
  });

  it('are not kept by one that hangs alone when they come', async () => {
    const { log } = await filled(3);
    const { promise: hangs, resolve: goOn } = Promise.withResolvers<void>();
    const { promise: began, resolve: begin } = Promise.withResolvers<void>();
    const slow = follow(log, { work: () => (begin(), hangs) });
    await began;
    const quick = follow(log);
    await hasRead(quick, 3);
    expect(slow.positions()).toEqual([]);
    goOn();
    await hasRead(slow, 3);
    await Promise.all([slow, quick].map((one) => one.stop()));
  });

  it('go on when one of them fails, or comes from another log', async () => {
    const { log, at } = await filled(20);
    const failing = follow(log, { maxBatch: 5, work: () => Promise.reject(new Error('no room for rows')) });
    const foreign = follow(log, { after: { position: 7, eventId: JOB } });
    const well = follow(log, { after: at(2), maxBatch: 5 });
    await expect(failing.ended).rejects.toThrow('no room for rows');
    await expect(foreign.ended).rejects.toMatchObject({ code: 'checkpoint-mismatch' });
    await hasRead(well, 20);
    expect(well.positions()).toEqual(upTo(20, 3));
    expect([failing.positions(), foreign.positions()]).toEqual([[], []]);
    await well.stop();
  });

  it('are told once that they have caught up, also who finds nothing behind its place', async () => {
    const { log, at } = await filled(3);
    const told: Batch[] = [];
    const work = async (batch: Batch): Promise<void> => void told.push(batch);
    const idle = follow(log, { after: at(3), work });
    await eventually(() => told.length === 1, { what: 'it was told' });
    // Comes from behind, so that all is read again.
    const other = follow(log);
    await hasRead(other, 3);
    await log.append(cancelRequested());
    await hasRead(idle, 4);
    expect(told.map(({ entries, caughtUp, checkpoint }) => [entries.length, caughtUp, checkpoint.position])).toEqual([
      [0, true, 3],
      [1, true, 4],
    ]);
    await Promise.all([idle, other].map((one) => one.stop()));
  });

  it('keep nobody who reads alone, however slow they are and however much lies before them', async () => {
    const { log, at } = await filled(300);
    const go = Promise.withResolvers<void>();
    const slow = [1, 2].map(() => follow(log, { maxBatch: 100, work: () => go.promise }));
    const alone = follow(log, { after: at(300), together: false });
    await eventually(alone.caughtUp, { what: 'it has nothing to read' });
    await log.append(cancelRequested());
    await hasRead(alone, 301);
    for (const one of slow) expect(one.positions()).toEqual([]);
    go.resolve();
    for (const one of slow) await hasRead(one, 301);
    await Promise.all([alone, ...slow].map((one) => one.stop()));
  });

  it('read by themselves while they are far from each other', async () => {
    const { studio, log } = await filled(1);
    const live = follow(log);
    await hasRead(live, 1);
    const FAR = 6_000;
    const garbage = { subject: `${studio.root}.nonsense`, data: 'garbage' };
    for (let end = 1; end < FAR; end += 1_000)
      await Promise.all(upTo(Math.min(1_000, FAR - end)).map(() => studio.putRaw(garbage)));
    await hasRead(live, FAR);
    let most = 0;
    const far = follow(log, {
      work: async () => {
        most = Math.max(most, (await consumers(studio)).length);
      },
    });
    await hasRead(far, FAR);
    expect(most).toBe(2);
    await eventually(async () => (await consumers(studio)).length === 1, { what: 'they read together' });
    await log.append(cancelRequested());
    for (const one of [live, far]) await hasRead(one, FAR + 1);
    for (const one of [live, far]) expect(one.positions()).toEqual(upTo(FAR + 1));
    await Promise.all([live, far].map((one) => one.stop()));
  });

  it('each see a decision fenced as it counts', async () => {
    const studio = await newStudio();
    const log = studio.open();
    for (const event of [termStarted(2), assigned(1, 2), termStarted(3), assigned(2, 2)]) await log.append(event);
    const [first, second] = await Promise.all([followAll(log), followAll(log)]);
    expect(outline(second.entries)).toEqual(['1 event', '2 event', '3 event', '4 fenced']);
    expect(second.entries).toEqual(first.entries);
  });

  it('do not take a message for another one at its place in a log that was made anew', async () => {
    const studio = await newStudio();
    const log = studio.open();
    const [before, after] = [cancelRequested(), cancelRequested()];
    await log.append(before);
    expect(idsOf(await followAll(log))).toEqual([before.id]);
    await makeAnew(studio);
    await log.append(after);
    expect(idsOf(await followAll(log))).toEqual([after.id]);
  });
});

const idsOf = ({ entries }: Awaited<ReturnType<typeof followAll>>): string[] =>
  entries.flatMap((entry) => (entry.status === 'event' || entry.status === 'fenced' ? [entry.event.id] : []));

/** The same connection, the same name, another log. */
async function makeAnew({ nc, stream, root }: Studio): Promise<void> {
  const { streams } = await jetstreamManager(nc);
  const settings = streamSettings(topology({ stream, root }))[0];
  if (settings === undefined) throw new Error('there are no settings for the stream');
  await streams.delete(stream);
  await streams.add(settings);
}
