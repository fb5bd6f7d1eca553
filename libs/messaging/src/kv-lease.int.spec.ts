import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { eventually, useNats } from '@anime/testing';
import { Kvm } from '@nats-io/kv';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { KvLease } from './kv-lease.js';

jest.setTimeout(30_000);
const nats = useNats();
const TTL = 600;
let count = 0;
const leases: KvLease[] = [];
let ending = new AbortController();
let forever = ending.signal;

afterEach(async () => {
  ending.abort(); // nobody goes on contending
  ending = new AbortController();
  forever = ending.signal;
  for (const lease of leases.splice(0)) await lease.release();
});

async function bucket(): Promise<(holder: string, connection?: NatsConnection) => KvLease> {
  const nc = await nats.connection();
  count += 1;
  const name = `LEASES_${count}`;
  await new Kvm(nc).create(name);
  return (holder, connection = nc) => {
    const log = {
      connected: async () => connection,
      state: () => ({ connected: !connection.isClosed(), reason: null }),
    };
    const lease = new KvLease({ log, bucket: name, key: 'scheduler', holder, ttlMs: TTL });
    leases.push(lease);
    return lease;
  };
}

async function timed(work: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work;
  return performance.now() - began;
}

describe('a lease', () => {
  it('is had by one of many, and by the next at once when it is released', async () => {
    const contender = await bucket();
    const all = ['a', 'b', 'c', 'd'].map((holder) => contender(holder));
    const waits = all.map((lease) => lease.acquire(forever).then(() => lease));
    const first = await Promise.race(waits);
    expect(all.filter((lease) => lease.held)).toEqual([first]);
    let lost = 0;
    first.onLost(() => (lost += 1));
    await first.release();
    const others = waits.filter((_, i) => all[i] !== first);
    expect(await timed(Promise.race(others))).toBeLessThan(TTL);
    expect(lost).toBe(0);
    expect(all.filter((lease) => lease.held)).toHaveLength(1);
  });

  it('is kept for longer than its time by a holder that lives', async () => {
    const contender = await bucket();
    const holder = contender('a');
    await holder.acquire(forever);
    const stop = AbortSignal.timeout(TTL * 3);
    expect(await contender('b').acquire(stop)).toBe(false);
    expect(holder.held).toBe(true);
  });

  it('goes to another once its holder is gone, not before its time is over', async () => {
    const contender = await bucket();
    const connection = await connect({ servers: (await nats.server()).url });
    const dead = contender('dead', connection);
    await dead.acquire(forever);
    let lost = 0;
    dead.onLost(() => (lost += 1));
    await connection.close(); // its renewals no longer arrive
    const waited = await timed(contender('heir').acquire(forever));
    expect(waited).toBeGreaterThan(TTL / 2);
    expect(waited).toBeLessThan(TTL * 3);
    expect([dead.held, lost]).toEqual([false, 1]); // it let go by its own time, before the heir had it
  });

  it('is lost when somebody else wrote the key', async () => {
    const contender = await bucket();
    const lease = contender('a');
    await lease.acquire(forever);
    const lost = new Promise<void>((resolve) => lease.onLost(resolve));
    const kv = await new Kvm(await nats.connection()).open(`LEASES_${count}`);
    await kv.put('scheduler', '{"holder":"thief"}');
    await lost;
    expect(lease.held).toBe(false);
    expect(await lease.acquire(AbortSignal.timeout(TTL * 3))).toBe(true); // the thief does not renew it
  });

  it('survives a short absence of the server', async () => {
    const contender = await bucket();
    const lease = contender('a');
    await lease.acquire(forever);
    let lost = 0;
    lease.onLost(() => (lost += 1));
    const server = await nats.server();
    await server.kill();
    await server.restart();
    await eventually(
      async () =>
        (await new Kvm(await nats.connection()).open(`LEASES_${count}`))
          .get('scheduler')
          .then((entry) => (entry?.revision ?? 0) > 4),
      {
        what: 'it renews again',
      },
    );
    expect([lease.held, lost]).toEqual([true, 0]);
  });

  it('waits for a server that is away until it is told to stop', async () => {
    const away = {
      connected: () => new Promise<never>(() => undefined),
      state: () => ({ connected: false, reason: 'away' }),
    };
    const lease = new KvLease({ log: away, bucket: 'X', key: 'k', holder: 'a', ttlMs: TTL });
    expect(await lease.acquire(AbortSignal.timeout(50))).toBe(false);
    await lease.release();
  });
});
