import { ApiKeyIssuedV1, ApiKeyRevokedV1, CATALOGUE, SCOPES, type EventData } from '@anime/contracts';
import type { NewEvent } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { recordAll, testEvent } from '@anime/event-store/testing';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { allows, KeyRing } from './key-ring.js';
import { watchKeyRing } from './key-row.js';
import { hashOfKey, hintOfKey, isKeyText, newKey } from './key-text.js';

const NOW = '2026-01-02T03:04:05.678Z';
const id = (n: number): string => `018f0000-0000-7000-8000-${String(n).padStart(12, '0')}`;

function issued(keyId: string, key: string, given: Partial<EventData<typeof ApiKeyIssuedV1>> = {}): NewEvent {
  const data = { actor: id(99), hash: hashOfKey(key), hint: hintOfKey(key), scopes: ['jobs:read' as const] };
  return testEvent(ApiKeyIssuedV1, keyId, { ...data, label: null, expiresAt: null, ...given });
}
const revoked = (keyId: string): NewEvent => testEvent(ApiKeyRevokedV1, keyId, {});

function ringOf(events: readonly NewEvent[], clock?: () => number): KeyRing {
  const ring = new KeyRing(clock);
  const entries = recordAll(events).map((event) => ({ status: 'event' as const, position: event.position, event }));
  ring.take({ entries, checkpoint: { position: events.length, eventId: events.at(-1)?.id ?? '' }, caughtUp: true });
  return ring;
}

describe('a new key', () => {
  it('has the form of one, 256 bits that no other has, and a hint that shows no more than four characters of them', () => {
    const keys = Array.from({ length: 200 }, newKey);
    expect(new Set(keys).size).toBe(200);
    for (const key of keys) {
      expect(isKeyText(key)).toBe(true);
      expect(Buffer.from(key.slice('anime_'.length), 'base64url')).toHaveLength(32);
      expect(hintOfKey(key)).toBe(key.slice(0, 10));
      const event = issued(id(1), key).data;
      expect(ApiKeyIssuedV1.data.parse(event)).toEqual(event);
      expect(JSON.stringify(event)).not.toContain(key.slice(10));
    }
  });

  it.each([
    '',
    'anime_',
    `anime_${'a'.repeat(42)}`,
    `anime_${'a'.repeat(44)}`,
    `Anime_${'a'.repeat(43)}`,
    `anime_${'+'.repeat(43)}`,
  ])('%j is none', (text) => expect(isKeyText(text)).toBe(false));
});

describe('a ring of keys', () => {
  it('knows a key by its text, every character and its case, until it is revoked', () => {
    const key = newKey();
    const ring = ringOf([issued(id(1), key)]);
    expect(ring.find(key, NOW)).toMatchObject({ id: id(1), actor: id(99), scopes: ['jobs:read'], revokedAt: null });
    for (const other of [newKey(), key.toLowerCase(), key.toUpperCase(), `${key} `, key.slice(0, -1), '']) {
      expect(other === key ? undefined : ring.find(other, NOW)).toBeUndefined();
    }
    expect(ringOf([issued(id(1), key), revoked(id(1))]).find(key, NOW)).toBeUndefined();
  });

  it('takes a key until the instant that it expires at', () => {
    const key = newKey();
    const ring = ringOf([issued(id(1), key, { expiresAt: NOW, scopes: ['admin'] })]);
    expect(ring.find(key, '2026-01-02T03:04:05.677Z')).toBeDefined();
    expect(ring.hasAdmin('2026-01-02T03:04:05.677Z')).toBe(true);
    expect(ring.find(key, NOW)).toBeUndefined();
    expect(ring.hasAdmin(NOW)).toBe(false);
  });

  it('never takes a key again that was revoked, whatever is appended afterwards', () => {
    const keys = [newKey(), newKey(), newKey()];
    const step = fc.record({
      revoke: fc.boolean(),
      id: fc.integer({ min: 0, max: 2 }),
      key: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const dead = new Set<string>();
        const events: NewEvent[] = [];
        for (const each of steps) {
          const before = ringOf(events);
          events.push(each.revoke ? revoked(id(each.id)) : issued(id(each.id), keys[each.key] ?? ''));
          if (each.revoke) for (const key of keys) if (before.find(key, NOW)?.id === id(each.id)) dead.add(key);
          for (const key of dead) expect(ringOf(events).find(key, NOW)).toBeUndefined();
        }
      }),
    );
  });

  it('says whether anybody may do everything', () => {
    const admin = issued(id(1), newKey(), { scopes: ['admin'] });
    expect(ringOf([issued(id(2), newKey())]).hasAdmin(NOW)).toBe(false);
    expect(ringOf([admin]).hasAdmin(NOW)).toBe(true);
    expect(ringOf([admin, revoked(id(1))]).hasAdmin(NOW)).toBe(false);
  });

  it('lists every key, newest first, without its hash', () => {
    const all = ringOf([issued(id(1), newKey()), issued(id(2), newKey()), revoked(id(1))]).all();
    expect(all.map((key) => [key.id, key.revokedAt])).toEqual([
      [id(2), null],
      [id(1), '2026-01-02T03:04:05.678Z'],
    ]);
    expect(JSON.stringify(all)).not.toMatch(/hash/);
  });

  it('knows nothing before it has read the log, nor after the log was replaced', () => {
    const key = newKey();
    expect(new KeyRing()).toMatchObject({ caughtUp: false, ageMs: Number.POSITIVE_INFINITY });
    const ring = ringOf([issued(id(1), key)]);
    ring.restart();
    expect(ring).toMatchObject({ caughtUp: false, ageMs: Number.POSITIVE_INFINITY, checkpoint: { position: 0 } });
    expect(ring.find(key, NOW)).toBeUndefined();
  });
});

describe('how old the knowledge of a ring is', () => {
  it('grows while the log is away or the ring is behind it, and not while it has all that there is', async () => {
    let now = 0;
    const clock = () => now;
    const log = new MemoryLog();
    const ring = ringOf([issued(id(1), newKey())], clock);
    await log.append(issued(id(1), newKey()));
    const look = async (end: () => Promise<number>): Promise<void> => {
      const once = new AbortController();
      await watchKeyRing(ring, { end: async () => (once.abort(), end()) }, once.signal, clock);
    };
    now = 10_000;
    expect(ring.ageMs).toBe(10_000);
    await look(() => log.end());
    expect(ring.ageMs).toBe(0);
    now = 20_000;
    await look(() => Promise.reject(new Error('NATS is away')));
    expect(ring.ageMs).toBe(10_000);
    await log.append(revoked(id(1)));
    const behind = look(() => log.end());
    now = 25_000;
    expect(ring.ageMs).toBe(15_000);
    ring.take({ entries: [], checkpoint: { position: 2, eventId: '' }, caughtUp: false });
    await behind;
    // As of the moment at which the log was asked, not of that at which the ring had come so far.
    expect(ring.ageMs).toBe(5_000);
  });
});

describe('scopes', () => {
  it('allow themselves, and admin allows all', () => {
    for (const has of SCOPES)
      for (const wanted of SCOPES) expect(allows([has], wanted)).toBe(has === wanted || has === 'admin');
    expect(allows([], 'jobs:read')).toBe(false);
  });
});

it('the keys are events of the catalogue', () => {
  expect(CATALOGUE.byName.has('api-key.issued.v1') && CATALOGUE.byName.has('api-key.revoked.v1')).toBe(true);
});
