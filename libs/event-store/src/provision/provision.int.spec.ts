import { describe, expect, it } from '@jest/globals';
import { executorFilter } from '@anime/contracts';
import { freePort, useNats } from '@anime/testing';
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { openLog } from '../jetstream/jetstream-log.js';
import { cancelRequested, EXECUTOR } from '../testing/conformance/samples.js';
import { createDurable, provision } from './provision.js';
import type { Topology } from './settings.js';

const nats = useNats();
let count = 0;

interface Fresh {
  readonly nc: NatsConnection;
  readonly manager: JetStreamManager;
  readonly names: Pick<
    Topology,
    'stream' | 'root' | 'progressStream' | 'progressRoot' | 'leasesBucket' | 'keyUseBucket' | 'blobsBucket'
  >;
}

/** Names that nothing on the server has yet. */
async function fresh(): Promise<Fresh> {
  count += 1;
  const nc = await nats.connection();
  const names = {
    stream: `E${count}`,
    root: `e${count}`,
    progressStream: `P${count}`,
    progressRoot: `p${count}`,
    leasesBucket: `L${count}`,
    keyUseBucket: `U${count}`,
    blobsBucket: `B${count}`,
  };
  return { nc, manager: await jetstreamManager(nc), names };
}

describe('provision', () => {
  it('makes everything once, and finds it the second time', async () => {
    const { nc, manager, names } = await fresh();
    const things = [
      `stream ${names.stream}`,
      `stream ${names.progressStream}`,
      `stream KV_${names.leasesBucket}`,
      `stream KV_${names.keyUseBucket}`,
      `stream OBJ_${names.blobsBucket}`,
      'durable quality-scorer',
      'durable file-organizer',
    ];
    expect(await provision({ nc, ...names })).toEqual({ created: things, updated: [], found: [] });
    expect(await provision({ natsUrl: (await nats.server()).url, ...names })).toEqual({
      created: [],
      updated: [],
      found: things,
    });
    const { config } = await manager.streams.info(names.stream);
    expect(config).toMatchObject({
      storage: 'file',
      compression: 's2',
      retention: 'limits',
      discard: 'new',
      deny_delete: true,
      deny_purge: true,
      allow_direct: true,
    });
    expect(config).toMatchObject({ max_msgs: -1, max_bytes: -1, max_age: 0, duplicate_window: nanos(600_000) });
    const durable = (await manager.consumers.info(names.stream, 'quality-scorer')).config;
    expect(durable).toMatchObject({
      ack_policy: 'explicit',
      deliver_policy: 'all',
      max_deliver: -1,
      ack_wait: nanos(30_000),
      max_ack_pending: 1000,
    });
    expect(durable.filter_subject ?? '').toBe('');
  });

  it('protects the log: neither one message nor all of them can be deleted', async () => {
    const { nc, manager, names } = await fresh();
    await provision({ nc, ...names });
    await jetstream(nc).publish(`${names.root}.x`);
    await expect(manager.streams.deleteMessage(names.stream, 1)).rejects.toThrow();
    await expect(manager.streams.purge(names.stream)).rejects.toThrow();
  });

  it('lets the operator bound the blobs, so that they leave room for events', async () => {
    const { nc, manager, names } = await fresh();
    await provision({ nc, ...names });
    const { config } = await manager.streams.info(`OBJ_${names.blobsBucket}`);
    await manager.streams.update(config.name, { ...config, max_bytes: 1_000_000 });
    expect((await provision({ nc, ...names })).created).toEqual([]);
  });

  it('takes from the buckets of an earlier build what emptied them by one header, keeps their keys, and changes nothing else', async () => {
    const { nc, manager, names } = await fresh();
    await provision({ nc, ...names });
    const buckets = [`KV_${names.leasesBucket}`, `KV_${names.keyUseBucket}`];
    for (const bucket of buckets) await manager.streams.update(bucket, { allow_rollup_hdrs: true });
    const key = `$KV.${names.keyUseBucket}.some-key`;
    await jetstream(nc).publish(key, 'kept');
    const before = await Promise.all(buckets.map(async (bucket) => (await manager.streams.info(bucket)).config));

    expect(await provision({ nc, ...names })).toMatchObject({
      created: [],
      updated: buckets.map((bucket) => `stream ${bucket}`),
      found: expect.not.arrayContaining([`stream ${buckets[0]}`]),
    });
    expect(await provision({ nc, ...names })).toMatchObject({ created: [], updated: [] });
    const after = await Promise.all(buckets.map(async (bucket) => (await manager.streams.info(bucket)).config));
    expect(after).toEqual(before.map((config) => ({ ...config, allow_rollup_hdrs: false })));
    expect((await manager.streams.getMessage(`KV_${names.keyUseBucket}`, { last_by_subj: key }))?.string()).toBe(
      'kept',
    );
  });

  it('changes nothing of an earlier build while something else differs', async () => {
    const { nc, manager, names } = await fresh();
    await provision({ nc, ...names });
    const bucket = `KV_${names.leasesBucket}`;
    await manager.streams.update(bucket, { allow_rollup_hdrs: true, max_msgs_per_subject: 7 });
    const refusal = await provision({ nc, ...names }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: 'log-incompatible',
      errors: [{ path: `stream ${bucket}/max_msgs_per_subject` }],
    });
    expect((await manager.streams.info(bucket)).config.allow_rollup_hdrs).toBe(true);
  });

  it('refuses streams and durables that differ, naming each setting with both values, and makes nothing', async () => {
    const { nc, manager, names } = await fresh();
    await manager.streams.add({
      name: names.stream,
      subjects: [`${names.root}.>`, `${names.root}2.>`],
      retention: 'interest',
      duplicate_window: nanos(60_000),
    });
    await manager.consumers.add(names.stream, {
      durable_name: 'quality-scorer',
      ack_policy: 'explicit',
      max_deliver: 3,
      filter_subject: `${names.root}.job.>`,
    });
    const refusal = await provision({ nc, ...names }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'log-incompatible' });
    const { message } = refusal as Error;
    for (const sentence of [
      `stream ${names.stream}: retention is "interest", needed is "limits"`,
      `stream ${names.stream}: subjects is ["${names.root}.>","${names.root}2.>"], needed is ["${names.root}.>"]`,
      `stream ${names.stream}: duplicate_window is 60 s, needed is 600 s`,
      `stream ${names.stream}: deny_purge is false, needed is true`,
      'durable quality-scorer: max_deliver is 3, needed is -1',
      `durable quality-scorer: filter_subject is "${names.root}.job.>", needed is ""`,
    ]) {
      expect(message).toContain(sentence);
    }
    expect(message).not.toContain('storage');
    expect((refusal as { errors: unknown[] }).errors.length).toBeGreaterThan(5);
    await expect(manager.streams.info(names.progressStream)).rejects.toThrow('not found');
  });

  it('refuses a server without JetStream in one sentence', async () => {
    await expect(provision({ nc: await plain.connection() })).rejects.toMatchObject({
      code: 'log-incompatible',
      message: expect.stringMatching(
        /^nats-server at \S+ has no JetStream for this user: start it with jetstream enabled \(.*\)\.$/,
      ),
    });
  });

  it('says that a server which is away cannot be reached, and no password', async () => {
    const natsUrl = `nats://user:secret@127.0.0.1:${await freePort()}`;
    const away = await provision({ natsUrl }).catch((error: unknown) => error);
    expect(away).toMatchObject({ code: 'log-unavailable', message: expect.stringContaining('cannot be reached') });
    expect(String(away)).not.toContain('secret');
  });
});

const plain = useNats({ jetstream: false });

describe('createDurable', () => {
  it('begins where it is told: now or at the start, with the filter of an executor', async () => {
    const { nc, manager, names } = await fresh();
    await provision({ nc, ...names });
    const log = openLog({ natsUrl: (await nats.server()).url, name: 'test', stream: names.stream, root: names.root });
    await log.append(cancelRequested());
    const { stream } = names;
    expect(await createDurable('from-start', { nc, stream, from: 'start' })).toBe(true);
    expect(await createDurable('from-now', { nc, stream, from: 'now' })).toBe(true);
    const filterSubject = executorFilter(names.root, EXECUTOR);
    expect(await createDurable('executor-1', { nc, stream, from: 'start', filterSubject, ackWaitMs: 10_000 })).toBe(
      true,
    );
    const pending = async (name: string): Promise<number> => (await manager.consumers.info(stream, name)).num_pending;
    expect([await pending('from-start'), await pending('from-now'), await pending('executor-1')]).toEqual([1, 0, 0]);
    await log.close();
  });

  it('finds what is there, and refuses it with other settings', async () => {
    const { nc, names } = await fresh();
    await provision({ nc, ...names });
    const { stream } = names;
    await createDurable('mine', { nc, stream, from: 'now', ackWaitMs: 10_000 });
    expect(await createDurable('mine', { nc, stream, from: 'start', ackWaitMs: 10_000 })).toBe(false);
    await expect(createDurable('mine', { nc, stream, from: 'now' })).rejects.toMatchObject({
      code: 'log-incompatible',
      message: expect.stringContaining('ack_wait is 10 s, needed is 30 s'),
    });
  });
});
