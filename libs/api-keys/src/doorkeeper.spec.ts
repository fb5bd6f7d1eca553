import { ApiKeyIssuedV1, SCOPES, type Scope } from '@anime/contracts';
import { recordAll, testEvent } from '@anime/event-store/testing';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Caller } from './caller.js';
import { challengeOf, Doorkeeper, missingScope, TRUST_MS } from './doorkeeper.js';
import { KeyRing } from './key-ring.js';
import { hashOfKey, hintOfKey, newKey } from './key-text.js';

const NOW = '2026-01-02T03:04:05.678Z';
const [KEY_ID, ACTOR] = ['018f0000-0000-7000-8000-000000000001', '018f0000-0000-7000-8000-000000000002'];
const LOCAL: Caller = { actor: '018f0000-0000-7000-8000-000000000003', scopes: ['admin'], keyId: null };
const HERE = { host: ['127.0.0.1:8331'] };
const key = newKey();

function studio(local?: Caller) {
  let now = 0;
  const ring = new KeyRing(() => now);
  const data = { actor: ACTOR, hash: hashOfKey(key), hint: hintOfKey(key), label: null, expiresAt: null };
  const [event] = recordAll([testEvent(ApiKeyIssuedV1, KEY_ID, { ...data, scopes: ['jobs:read'] })]);
  const read = (): void =>
    ring.take({
      entries: event === undefined ? [] : [{ status: 'event', position: 1, event }],
      checkpoint: { position: 1, eventId: '' },
      caughtUp: true,
    });
  return { door: new Doorkeeper({ ring, local, now: () => NOW }), read, pass: (ms: number) => void (now += ms) };
}
function known(local?: Caller): Doorkeeper {
  const { door, read } = studio(local);
  read();
  return door;
}
const bearer = (...values: string[]) => ({ ...HERE, authorization: values });

describe('a request with a key', () => {
  it.each([`Bearer ${key}`, `bearer ${key}`, `BEARER   ${key}`])('comes from whom the key acts as', (value) => {
    for (const local of [undefined, LOCAL]) {
      expect(known(local).caller(bearer(value))).toEqual({ actor: ACTOR, scopes: ['jobs:read'], keyId: KEY_ID });
    }
  });

  it('may bring it by another way, but only one, once', () => {
    expect(known().caller(HERE, [key])).toMatchObject({ keyId: KEY_ID });
    for (const [headers, offered] of [
      [bearer(`Bearer ${key}`, `Bearer ${key}`), []],
      [bearer(`Bearer ${key}`), [key]],
      [HERE, [key, key]],
    ] as const) {
      expect(() => known(LOCAL).caller(headers, offered)).toThrow(
        expect.objectContaining({ code: 'validation-failed', status: 400 }),
      );
    }
  });

  it.each([
    '',
    ' ',
    'Bearer',
    'Bearer ',
    `Bearer ${newKey()}`,
    `Basic ${key}`,
    key,
    `Bearer ${key}x`,
    `Bearer ${key} ${key}`,
    `Bearer ${key.toLowerCase()}`,
  ])('that is none (%#) is refused, also where there is a local user, and not repeated', (value) => {
    for (const local of [undefined, LOCAL]) {
      const refused = expect.objectContaining({ code: 'key-invalid', status: 401, retryable: false });
      expect(() => known(local).caller(bearer(value))).toThrow(refused);
      expect(() => known(local).caller(bearer(value))).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining(key.slice(10)) }),
      );
    }
  });

  it('is never let in, nor breaks anything, whatever the header holds', () => {
    const door = known(LOCAL);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(() => door.caller(bearer(text))).toThrow(expect.objectContaining({ code: 'key-invalid' }));
        expect(() => door.caller(bearer(`Bearer ${text}`))).toThrow(expect.objectContaining({ code: 'key-invalid' }));
      }),
    );
  });

  it('waits for the log to be read, and is refused when it has been away for long; the local user is not', () => {
    const { door, read, pass } = studio(LOCAL);
    const away = expect.objectContaining({ code: 'log-unavailable', status: 503, retryable: true, retryAfter: 2 });
    expect(() => door.caller(bearer(`Bearer ${key}`))).toThrow(away);
    expect(door.caller(HERE)).toBe(LOCAL);
    read();
    pass(TRUST_MS);
    expect(door.caller(bearer(`Bearer ${key}`))).toMatchObject({ keyId: KEY_ID });
    pass(1);
    expect(() => door.caller(bearer(`Bearer ${key}`))).toThrow(away);
    expect(door.caller(HERE)).toBe(LOCAL);
  });
});

describe('a request without a key', () => {
  const refused = expect.objectContaining({ code: 'unauthenticated', status: 401 });

  it('comes from the user of this machine where there is one', () => {
    expect(known(LOCAL).caller(HERE)).toBe(LOCAL);
    expect(() => known().caller(HERE)).toThrow(refused);
  });

  it.each([
    ['a page from elsewhere', { ...HERE, origin: ['https://example.org'] }],
    ['a page that hides where it is from', { ...HERE, origin: ['null'] }],
    ['a name that was made to point here', { host: ['rebound.example.org:8331'] }],
    ['a name that only begins like ours', { host: ['127.0.0.1.example.org'] }],
    ['no name', {}],
    ['two names', { host: ['127.0.0.1', 'example.org'] }],
    ['a proxy', { ...HERE, 'x-forwarded-for': ['10.0.0.1'] }],
    ['a proxy of the standard', { ...HERE, forwarded: ['for=10.0.0.1'] }],
  ])('that came by %s does not', (_how, headers) => {
    expect(() => known(LOCAL).caller(headers)).toThrow(refused);
  });

  it.each(['localhost:8331', '[::1]:8331', '127.0.0.1', 'studio.localhost'])('sent to %s does', (host) => {
    expect(known(LOCAL).caller({ host: [host], origin: ['http://localhost:5173'] })).toBe(LOCAL);
  });
});

describe('a scope', () => {
  it('that is missing is named, with what the key has', () => {
    const has: Scope[] = ['jobs:read', 'review'];
    expect(missingScope({ scopes: has }, 'jobs:write')).toMatchObject({
      code: 'scope-missing',
      status: 403,
      message: 'this needs the scope jobs:write, and the key has jobs:read, review',
    });
    for (const scope of SCOPES) expect(missingScope({ scopes: ['admin'] }, scope)).toBeUndefined();
  });

  it('and how to authenticate stand in the challenge, as RFC 6750 has it', () => {
    expect(challengeOf({ code: 'unauthenticated' }, 'jobs:read')).toBe('Bearer realm="anime"');
    expect(challengeOf({ code: 'key-invalid' })).toBe('Bearer realm="anime", error="invalid_token"');
    expect(challengeOf({ code: 'scope-missing' }, 'admin')).toBe(
      'Bearer realm="anime", error="insufficient_scope", scope="admin"',
    );
    expect(challengeOf({ code: 'log-unavailable' })).toBeUndefined();
  });
});
