import { describe, expect, it } from '@jest/globals';
import { hasLocalUser, originAllowed } from './local-user.js';

describe('who may connect to a relay on loopback', () => {
  it.each([
    undefined,
    'http://localhost:8331',
    'http://127.0.0.1',
    'http://127.1.2.3:5',
    'https://[::1]:8331',
    'http://studio.localhost',
  ])('%s may', (origin) => {
    expect(originAllowed(origin, '127.0.0.1:8329', '127.0.0.1')).toBe(true);
  });

  it.each([
    'https://example.org',
    'null',
    '',
    'http://localhost.example.org',
    'http://127.0.0.1.example.org',
    'http://10.0.0.5:8329',
  ])('a page of %j may not', (origin) => {
    expect(originAllowed(origin, '127.0.0.1:8329', '127.0.0.1')).toBe(false);
  });

  it('a name that points here does not help a foreign page', () => {
    expect(originAllowed('http://rebound.example.org:8329', 'rebound.example.org:8329', '127.0.0.1')).toBe(false);
  });
});

describe('who may connect to a relay on other addresses', () => {
  it('also pages of the very host that is called, and no others', () => {
    expect(originAllowed('http://studio.lan:8331', 'studio.lan:8329', '0.0.0.0')).toBe(true);
    expect(originAllowed('http://other.lan:8331', 'studio.lan:8329', '0.0.0.0')).toBe(false);
    expect(originAllowed('http://other.lan:8331', undefined, '0.0.0.0')).toBe(false);
  });
});

describe('the user of this machine', () => {
  it.each(['127.0.0.1', '::1', 'localhost', '127.3.2.1'])('is there on %s, unless told otherwise', (HOST) => {
    expect(hasLocalUser({ HOST })).toBe(true);
    expect(hasLocalUser({ HOST, ANIME_LOCAL_USER: true })).toBe(true);
    expect(hasLocalUser({ HOST, ANIME_LOCAL_USER: false })).toBe(false);
  });

  it.each(['0.0.0.0', '::', '10.0.0.5', 'studio.lan', 'localhost.example.org'])('cannot be on %s', (HOST) => {
    expect(hasLocalUser({ HOST })).toBe(false);
    expect(hasLocalUser({ HOST, ANIME_LOCAL_USER: false })).toBe(false);
    expect(() => hasLocalUser({ HOST, ANIME_LOCAL_USER: true })).toThrow(
      expect.objectContaining({
        code: 'configuration-invalid',
        errors: [expect.objectContaining({ path: 'ANIME_LOCAL_USER' })],
      }),
    );
  });
});
