import { describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { streamSettings, topology } from '../provision/settings.js';
import { followAll } from '../testing/conformance/follow-all.js';
import { assigned, cancelRequested, outline, termStarted } from '../testing/conformance/samples.js';
import { useStudios, type Studio } from '../testing/jetstream/studio.js';

const newStudio = useStudios();

describe('several readers of one log in a process', () => {
  it('share the work of reading a message, and each sees it fenced as it counts', async () => {
    const studio = await newStudio();
    const log = studio.open();
    for (const event of [termStarted(2), assigned(1, 2), termStarted(3), assigned(2, 2)]) await log.append(event);
    const [first, second] = [await followAll(log), await followAll(log)];
    expect(outline(second.entries)).toEqual(['1 event', '2 event', '3 event', '4 fenced']);
    expect(second.entries).toEqual(first.entries);
    expect(dataOf(second)).toHaveLength(4);
    for (const [index, data] of dataOf(second).entries()) expect(data).toBe(dataOf(first)[index]);
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

type Followed = Awaited<ReturnType<typeof followAll>>;

const eventsOf = ({ entries }: Followed) =>
  entries.flatMap((entry) => (entry.status === 'event' || entry.status === 'fenced' ? [entry.event] : []));
const dataOf = (followed: Followed) => eventsOf(followed).map(({ data }) => data);
const idsOf = (followed: Followed) => eventsOf(followed).map(({ id }) => id);

/** The same connection, the same name, another log. */
async function makeAnew({ nc, stream, root }: Studio): Promise<void> {
  const { streams } = await jetstreamManager(nc);
  const settings = streamSettings(topology({ stream, root }))[0];
  if (settings === undefined) throw new Error('there are no settings for the stream');
  await streams.delete(stream);
  await streams.add(settings);
}
