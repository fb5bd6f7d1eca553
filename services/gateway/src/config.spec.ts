import path from 'node:path';
import { isProblem } from '@anime/problem-details';
import { describe, expect, it } from '@jest/globals';
import { readGatewayConfig, readKeysCommandConfig } from './config.js';

const DATABASE_URL = 'postgres://anime:geheim@127.0.0.1:5432/anime';
const READERS = [readGatewayConfig, readKeysCommandConfig] as const;

function errorsOf(env: Readonly<Record<string, string>>, read: (typeof READERS)[number] = readGatewayConfig): unknown {
  try {
    read({ DATABASE_URL, ...env });
    return undefined;
  } catch (error) {
    if (isProblem(error, 'configuration-invalid')) return error.errors;
    throw error;
  }
}

describe("the gateway's folder of keys", () => {
  it('lies outside the data when nothing is said', () => {
    const { ANIME_KEYS_DIR, ANIME_BLOBS_DIR } = readGatewayConfig({ DATABASE_URL });
    expect(path.basename(ANIME_KEYS_DIR)).toBe('.anime-keys');
    expect(path.dirname(ANIME_KEYS_DIR)).toBe(path.dirname(path.dirname(ANIME_BLOBS_DIR)));
  });

  it.each([
    ['the blobs', { ANIME_BLOBS_DIR: '/srv/blobs', ANIME_KEYS_DIR: '/srv/blobs/keys' }],
    ['the library', { ANIME_LIBRARY_DIR: '/srv/library', ANIME_KEYS_DIR: '/srv/library/keys' }],
    ["the local stack's data", { ANIME_BLOBS_DIR: '/srv/.anime/blobs', ANIME_KEYS_DIR: '/srv/.anime/keys' }],
  ])('must not lie in %s, for the gateway and for its command that makes a key', (_what, env) => {
    for (const read of READERS) {
      expect(errorsOf(env, read)).toEqual([
        { path: 'ANIME_KEYS_DIR', message: expect.stringMatching(/^expected a folder outside the data, but /) },
      ]);
    }
  });

  it('may lie beside the blobs', () => {
    for (const read of READERS)
      expect(errorsOf({ ANIME_BLOBS_DIR: '/srv/blobs', ANIME_KEYS_DIR: '/srv/keys' }, read)).toBeUndefined();
  });
});
