import { ApiKeyIssuedV1, ApiKeyRevokedV1, JobCancelRequestedV1 } from '@anime/contracts';
import { uuidv7, type Checkpoint, type EventLog } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { newerEvent, testEvent } from '@anime/event-store/testing';
import { describe, expect, it } from '@jest/globals';
import { KeyRing } from './key-ring.js';
import { keyRingRow } from './key-row.js';
import { hashOfKey, hintOfKey, newKey } from './key-text.js';

const NOW = '2026-01-02T03:04:05.678Z';

async function issue(log: EventLog): Promise<{ id: string; key: string }> {
  const [id, key] = [uuidv7(), newKey()];
  const data = { actor: uuidv7(), hash: hashOfKey(key), hint: hintOfKey(key), label: null, expiresAt: null };
  await log.append(testEvent(ApiKeyIssuedV1, id, { ...data, scopes: ['admin'] }));
  return { id, key };
}
const revoke = (log: EventLog, id: string) => log.append(testEvent(ApiKeyRevokedV1, id, {}));

function rowOn(log: EventLog) {
  const ring = new KeyRing();
  const row = keyRingRow(ring, log);
  const load = (refused?: Checkpoint): Promise<Checkpoint> => {
    const { signal } = new AbortController();
    return row.loadCheckpoint({ signal, refused, standby: () => undefined, lost: () => undefined });
  };
  /** Reads on until it has caught up. */
  const read = async (after: Checkpoint): Promise<void> => {
    const stop = new AbortController();
    await log.follow({
      after,
      signal: stop.signal,
      onBatch: async (batch) => {
        await row.onBatch(batch);
        if (batch.caughtUp) stop.abort();
      },
    });
  };
  return { ring, load, read };
}

describe('the reader of keys', () => {
  it('knows every key of a long log without reading what lies between them', async () => {
    const log = new MemoryLog();
    const [kept, revoked] = [await issue(log), await issue(log)];
    for (let n = 0; n < 500; n += 1) await log.append(testEvent(JobCancelRequestedV1, uuidv7(), {}));
    await revoke(log, revoked.id);
    await log.append(testEvent(JobCancelRequestedV1, uuidv7(), {}));
    const { ring, load, read } = rowOn(log);
    let entriesRead = 0;
    const all = log.read.bind(log);
    log.read = async function* (options) {
      for await (const entry of all(options)) {
        entriesRead += 1;
        yield entry;
      }
    };
    const checkpoint = await load();
    expect(checkpoint.position).toBe(await log.end());
    expect(entriesRead).toBeLessThan(200);
    // Known, but taken only once the live reader has begun: then nothing can be missing.
    expect(ring.caughtUp).toBe(false);
    await read(checkpoint);
    expect(ring.caughtUp).toBe(true);
    expect(ring.find(kept.key, NOW)).toMatchObject({ id: kept.id });
    expect(ring.find(revoked.key, NOW)).toBeUndefined();
  });

  it('goes on where it stopped after a failure, and begins anew in another log', async () => {
    const log = new MemoryLog();
    const { id, key } = await issue(log);
    const { ring, load, read } = rowOn(log);
    await read(await load());
    await revoke(log, id);
    const again = await load();
    expect(again.position).toBe(1);
    await read(again);
    expect(ring.find(key, NOW)).toBeUndefined();

    // An older copy of the log was restored, which the revocation is not in.
    log.restoreTo(1);
    const anew = await load(ring.checkpoint);
    expect([anew.position, ring.caughtUp]).toEqual([1, false]);
    await read(anew);
    expect(ring.find(key, NOW)).toMatchObject({ id });
  });

  it('misses nothing that is appended while it loads', async () => {
    const log = new MemoryLog();
    const { id, key } = await issue(log);
    const { ring, load, read } = rowOn(log);
    const readKind = log.readKind.bind(log);
    log.readKind = async function* (aggregate) {
      yield* readKind(aggregate);
      await revoke(log, id);
    };
    await read(await load());
    expect(ring.find(key, NOW)).toBeUndefined();
  });

  it('opens nothing when the log tells something of keys that only a newer build can read', async () => {
    const log = new MemoryLog();
    await issue(log);
    await log.append(newerEvent(ApiKeyRevokedV1, uuidv7()));
    const { ring, load } = rowOn(log);
    await expect(load()).rejects.toMatchObject({ code: 'newer-contract' });
    expect(ring.caughtUp).toBe(false);
  });

  it('does not mind garbage on the subject of a key', async () => {
    const log = new MemoryLog();
    const { id, key } = await issue(log);
    await log.putRaw({ subject: `anime.api-key.${id}.gateway`, data: 'garbage' });
    const { ring, load, read } = rowOn(log);
    await read(await load());
    expect(ring.find(key, NOW)).toMatchObject({ id });
  });
});
