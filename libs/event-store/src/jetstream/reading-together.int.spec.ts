import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@anime/testing';
import { describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { cancelRequested } from '../testing/conformance/samples.js';
import { consumers, filled, follow, hasRead, upTo, type Following } from '../testing/jetstream/following.js';
import { useStudios, type Studio } from '../testing/jetstream/studio.js';

const newStudio = useStudios();

/** Longer than the others wait. */
const SLOW_MS = 600;

/** Which consumers there are: none has the settings of another. */
async function opened({ nc, stream }: Studio): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = [];
  for await (const { config } of (await jetstreamManager(nc)).consumers.list(stream))
    found.push(config.metadata?.['opened']);
  return found;
}

describe('readers that read together', () => {
  it.each(['fails', 'is stopped'])('leave no consumer behind when one %s while another is slow', async (how) => {
    const { studio, log, at } = await filled(await newStudio(), 3);
    const slow = follow(log, {
      after: at(3),
      work: async ({ entries }) => void (entries.length && (await delay(SLOW_MS))),
    });
    const ending = follow(log, {
      after: at(3),
      work: async ({ entries }) => {
        if (entries.length > 0 && how === 'fails') throw new Error('no room for rows');
      },
    });
    for (const one of [slow, ending]) await eventually(one.caughtUp, { what: 'it has nothing to read' });
    await log.append(cancelRequested());
    if (how === 'fails') await expect(ending.ended).rejects.toThrow('no room for rows');
    else {
      await eventually(() => ending.positions().length === 1, { what: 'it is done' });
      await ending.stop();
    }
    await hasRead(slow, 4);
    await log.append(cancelRequested());
    await hasRead(slow, 5);
    await slow.stop();
    await eventually(async () => (await consumers(studio)).length === 0, { what: 'nobody reads any more' });
    expect(slow.positions()).toEqual([4, 5]);
  });

  it('are not kept from what is new by slow ones behind them that are late again and again', async () => {
    const { log, at } = await filled(await newStudio(), 300);
    const live = follow(log, { after: at(300) });
    await eventually(live.caughtUp, { what: 'it has nothing to read' });
    const slow = [
      follow(log, { maxBatch: 5, work: () => delay(560) }),
      follow(log, { after: at(100), maxBatch: 5, work: () => delay(640) }),
    ];
    for (const one of slow) await eventually(() => one.positions().length >= 10, { what: 'both read on' });
    for (let end = 301; end <= 305; end += 1) {
      await log.append(cancelRequested());
      await hasRead(live, end);
    }
    for (const one of slow) expect(one.positions().length).toBeLessThan(100);
    await Promise.all([live, ...slow].map((one) => one.stop()));
  });

  it('read on with the same consumer when others come from behind and join them', async () => {
    const { studio, log, at } = await filled(await newStudio(), 60);
    const live = follow(log, { after: at(60) });
    await eventually(live.caughtUp, { what: 'it has nothing to read' });
    const before = await opened(studio);
    expect(before).toHaveLength(1);
    const others = [0, 20, 59].map((n) => follow(log, n === 0 ? {} : { after: at(n) }));
    for (const one of others) await hasRead(one, 60);
    await eventually(async () => (await opened(studio)).length === 1, { what: 'they read together' });
    expect(await opened(studio)).toEqual(before);
    await log.append(cancelRequested());
    for (const one of [live, ...others]) await hasRead(one, 61);
    await Promise.all([live, ...others].map((one) => one.stop()));
  });

  it('begin together when one comes a little later, while much lies before them', async () => {
    const { studio, log } = await filled(await newStudio(), 300);
    let came = false;
    const come = Promise.withResolvers<Following>();
    const first = follow(log, {
      maxBatch: 20,
      work: async ({ checkpoint }) => {
        if (checkpoint.position > 100 && !came) come.resolve(follow(log, { maxBatch: 7 }));
        came ||= checkpoint.position > 100;
      },
    });
    const second = await come.promise;
    for (const one of [first, second]) await hasRead(one, 300);
    for (const one of [first, second]) expect(one.positions()).toEqual(upTo(300));
    for (const [n, entry] of second.entries.entries()) expect(entry).toBe(first.entries[n]);
    expect(await consumers(studio)).toHaveLength(1);
    await Promise.all([first, second].map((one) => one.stop()));
  });

  it('fail for a message that the log lacks only when it is before them', async () => {
    const studio = await newStudio();
    const manager = await jetstreamManager(studio.nc);
    const { config } = await manager.streams.info(studio.stream);
    await manager.streams.delete(studio.stream);
    await manager.streams.add({ ...config, deny_delete: false });
    const { log, at } = await filled(studio, 20);
    await manager.streams.deleteMessage(studio.stream, 10);
    const before = follow(log, { after: at(9) });
    const behind = follow(log, { after: at(15) });
    await expect(before.ended).rejects.toMatchObject({ code: 'log-incompatible' });
    await log.append(cancelRequested());
    await hasRead(behind, 21);
    expect([before.positions(), behind.positions()]).toEqual([[], upTo(21, 16)]);
    await behind.stop();
  });
});
