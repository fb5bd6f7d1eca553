import { describe, expect, it } from '@jest/globals';
import { useNats } from '@anime/testing';
import { jetstreamManager, type ConsumerConfig, type StreamConfig } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { createDurable, provision } from './provision.js';
import { durableRequest, durableSettings, streamSettings, topology } from './settings.js';

const nats = useNats();
let count = 0;

/** Names that nothing on the server has yet. */
async function fresh() {
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

const refusal = (thing: string, setting: string) => ({
  code: 'log-incompatible',
  message: expect.stringMatching(new RegExp(`${thing}: ${setting} is .*needed is`)),
});

describe('a log stream is refused with', () => {
  const cases: [keyof StreamConfig, Partial<StreamConfig>][] = [
    ['no_ack', { no_ack: true }],
    ['subject_transform', { subject_transform: { src: 'e.>', dest: 'elsewhere.>' } }],
    ['republish', { republish: { src: '>', dest: 'copy.>' } }],
    ['sources', { sources: [{ name: 'OTHER' }] }],
    ['mirror', { mirror: { name: 'OTHER' }, subjects: [] }],
    ['allow_msg_ttl', { allow_msg_ttl: true }],
    ['discard_new_per_subject', { discard_new_per_subject: true, max_msgs_per_subject: 9 }],
    ['consumer_limits', { consumer_limits: { max_ack_pending: 5, inactive_threshold: nanos(1_000) } }],
  ];
  it.each(cases)('%s', async (setting, changes) => {
    const { nc, manager, names } = await fresh();
    const [settings] = streamSettings(topology(names));
    if (settings === undefined) throw new Error('there are no settings for the stream');
    await manager.streams.add({ ...settings, ...changes });
    const refused = refusal(`stream ${names.stream}`, setting);
    await expect(provision({ nc, ...names })).rejects.toMatchObject(refused);
  });

  it('sealed', async () => {
    const { nc, manager, names } = await fresh();
    await provision({ nc, ...names });
    await manager.streams.update(names.stream, { sealed: true } as Partial<StreamConfig>);
    await expect(provision({ nc, ...names })).rejects.toMatchObject(refusal(`stream ${names.stream}`, 'sealed'));
  });
});

describe('a durable is refused with', () => {
  const cases: [keyof ConsumerConfig, Partial<ConsumerConfig>][] = [
    ['headers_only', { headers_only: true }],
    ['filter_subjects', { filter_subjects: ['e.job.>', 'e.x.>'] }],
    ['inactive_threshold', { inactive_threshold: nanos(60_000) }],
    ['mem_storage', { mem_storage: true }],
    ['pause_until', { pause_until: new Date(Date.now() + 3_600_000).toISOString() }],
    ['max_batch', { max_batch: 1 }],
    ['max_expires', { max_expires: nanos(1_000) }],
    ['max_bytes', { max_bytes: 1_000 }],
    ['max_waiting', { max_waiting: 1 }],
    ['priority_policy', { priority_policy: 'overflow', priority_groups: ['a'] }],
    ['priority_groups', { priority_policy: 'overflow', priority_groups: ['a'] }],
    ['backoff', { backoff: [nanos(1_000)], max_deliver: 5 }],
    ['deliver_subject', { deliver_subject: 'pushed' }],
    ['rate_limit_bps', { deliver_subject: 'pushed', rate_limit_bps: 1_000 }],
  ];
  it.each(cases)('%s', async (setting, changes) => {
    const { nc, manager, names } = await fresh();
    await provision({ nc, ...names, durables: [] });
    const { max_waiting = 0, ...pushed } = durableRequest(durableSettings('quality-scorer'), 'now');
    const settings = 'deliver_subject' in changes ? pushed : { ...pushed, max_waiting };
    await manager.consumers.add(names.stream, { ...settings, ...changes });
    const refused = refusal('durable quality-scorer', setting);
    await expect(provision({ nc, ...names })).rejects.toMatchObject(refused);
    await expect(createDurable('quality-scorer', { nc, stream: names.stream, from: 'now' })).rejects.toMatchObject(
      refused,
    );
  });

  it('a pause, but only until it is over', async () => {
    const { nc, manager, names } = await fresh();
    await provision({ nc, ...names });
    await manager.consumers.pause(names.stream, 'quality-scorer', new Date(Date.now() + 3_600_000));
    await expect(provision({ nc, ...names })).rejects.toMatchObject(refusal('durable quality-scorer', 'pause_until'));
    await manager.consumers.resume(names.stream, 'quality-scorer');
    await expect(provision({ nc, ...names })).resolves.toMatchObject({ created: [], updated: [] });
  });

  it('nothing, wherever it began: that was chosen when it was made', async () => {
    const { nc, names } = await fresh();
    await provision({ nc, ...names, durables: [] });
    for (const [name, from] of [
      ['quality-scorer', 'now'],
      ['file-organizer', 'start'],
    ] as const)
      await createDurable(name, { nc, stream: names.stream, from });
    await expect(provision({ nc, ...names })).resolves.toMatchObject({ created: [], updated: [] });
  });
});
