import { describe, expect, it } from '@jest/globals';
import { localUser, notLocal } from './local-user.js';

const HERE = '127.0.0.1:8329';

describe('a page that asks without a key', () => {
  it.each([
    'http://localhost:8331',
    'http://127.0.0.1',
    'http://127.1.2.3:5',
    'https://[::1]:8331',
    'http://studio.localhost',
  ])('of %s is of this machine', (origin) => {
    expect(notLocal({ host: [HERE], origin: [origin] })).toBeUndefined();
  });

  it.each([
    'https://example.org',
    'null',
    '',
    'http://localhost.example.org',
    'http://127.0.0.1.example.org',
    'http://10.0.0.5:8329',
  ])('of %j is not', (origin) => {
    expect(notLocal({ host: [HERE], origin: [origin] })).toContain('header Origin');
    expect(notLocal({ host: [HERE], origin: ['http://localhost', origin] })).toContain('header Origin');
  });

  it('is not of this machine because a name points here', () => {
    const host = 'rebound.example.org:8329';
    expect(notLocal({ host: [host], origin: [`http://${host}`] })).toContain('header Host');
    // A page reads its own site without the header Origin.
    expect(notLocal({ host: [host] })).toContain('header Host');
  });
});

describe('the user of this machine', () => {
  const ANIME_STUDIO = 'studio';

  it.each(['127.0.0.1', '::1', 'localhost', '127.3.2.1'])('is there on %s, unless told otherwise', (HOST) => {
    const user = { scopes: ['admin'], keyId: null };
    expect(localUser({ HOST, ANIME_STUDIO })).toMatchObject(user);
    expect(localUser({ HOST, ANIME_STUDIO, ANIME_LOCAL_USER: true })).toMatchObject(user);
    expect(localUser({ HOST, ANIME_STUDIO, ANIME_LOCAL_USER: false })).toBeUndefined();
  });

  it.each(['0.0.0.0', '::', '10.0.0.5', 'studio.lan', 'localhost.example.org'])('cannot be on %s', (HOST) => {
    expect(localUser({ HOST, ANIME_STUDIO })).toBeUndefined();
    expect(localUser({ HOST, ANIME_STUDIO, ANIME_LOCAL_USER: false })).toBeUndefined();
    expect(() => localUser({ HOST, ANIME_STUDIO, ANIME_LOCAL_USER: true })).toThrow(
      expect.objectContaining({
        code: 'configuration-invalid',
        errors: [expect.objectContaining({ path: 'ANIME_LOCAL_USER' })],
      }),
    );
  });

  it('is the same on every start, and another in another studio', () => {
    const actorIn = (studio: string) => localUser({ HOST: 'localhost', ANIME_STUDIO: studio })?.actor;
    expect(actorIn('north')).toBe(actorIn('north'));
    expect(actorIn('north')).not.toBe(actorIn('south'));
  });
});
