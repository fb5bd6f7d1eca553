import { describe, expect, it } from '@jest/globals';
import { ORGANIZER_DURABLE, SCORER_DURABLE } from '@anime/contracts';
import { freePort, useNats } from '@anime/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { listDurables } from './list-durables.js';
import { createDurable, provision } from './provision.js';

const nats = useNats();
let count = 0;

/** A provisioned stream of its own that holds two messages. */
async function fresh() {
  count += 1;
  const nc = await nats.connection();
  const stream = `E${count}`;
  const root = `e${count}`;
  await provision({
    nc,
    stream,
    root,
    progressStream: `P${count}`,
    progressRoot: `p${count}`,
    leasesBucket: `L${count}`,
    keyUseBucket: `U${count}`,
    blobsBucket: `B${count}`,
  });
  for (let i = 0; i < 2; i += 1) await jetstream(nc).publish(`${root}.x`);
  return { nc, stream, manager: await jetstreamManager(nc), target: { natsUrl: (await nats.server()).url, stream } };
}

describe('listDurables', () => {
  it('tells how far each durable is, as messages are given to it and acknowledged', async () => {
    const { nc, stream, target } = await fresh();
    const scorer = async () => (await listDurables(target)).find(({ name }) => name === SCORER_DURABLE.name);
    const { name, description } = SCORER_DURABLE;
    const before = { name, description, state: 'present', pending: 2, unacknowledged: 0, deliveredTo: 0 };
    expect(await scorer()).toEqual({ ...before, acknowledgedTo: 0 });
    const consumer = await jetstream(nc).consumers.get(stream, SCORER_DURABLE.name);
    const message = await consumer.next();
    expect(await scorer()).toMatchObject({ pending: 1, unacknowledged: 1, deliveredTo: 1, acknowledgedTo: 0 });
    await message?.ackAck();
    expect(await scorer()).toMatchObject({ pending: 1, unacknowledged: 0, deliveredTo: 1, acknowledgedTo: 1 });
  });

  it('names those that every studio has first, missing ones too, then all others by name, and no reader of the moment', async () => {
    const { nc, stream, manager, target } = await fresh();
    await manager.consumers.delete(stream, ORGANIZER_DURABLE.name);
    await jetstream(nc).consumers.get(stream);
    // More than the server tells in one answer (256).
    const others = Array.from({ length: 300 }, (_, index) => `executor-${String(index).padStart(3, '0')}`);
    await Promise.all(others.toReversed().map((name) => createDurable(name, { nc, stream, from: 'start' })));
    const listed = await listDurables(target);
    expect(listed.map(({ name }) => name)).toEqual([SCORER_DURABLE.name, ORGANIZER_DURABLE.name, ...others]);
    expect(listed.filter(({ state }) => state === 'missing')).toEqual([
      {
        name: ORGANIZER_DURABLE.name,
        description: ORGANIZER_DURABLE.description,
        state: 'missing',
        pending: null,
        unacknowledged: null,
        deliveredTo: null,
        acknowledgedTo: null,
      },
    ]);
  });

  it('says that there is no stream, or no server', async () => {
    const natsUrl = (await nats.server()).url;
    const refusal = { code: 'log-unavailable', message: expect.stringContaining('stream not found') };
    await expect(listDurables({ natsUrl, stream: 'NOWHERE' })).rejects.toMatchObject(refusal);
    await expect(listDurables({ natsUrl: `nats://127.0.0.1:${await freePort()}` })).rejects.toMatchObject({
      code: 'log-unavailable',
      message: expect.stringContaining('cannot be reached'),
    });
  });
});
