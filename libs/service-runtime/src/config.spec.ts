import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ProblemError } from '@anime/problem-details';
import { z } from 'zod';
import {
  baseConfig,
  blobsConfig,
  configurationHelp,
  configurationLines,
  databaseConfig,
  readConfig,
  wholeNumber,
} from './config.js';

const schema = z.object({
  ...baseConfig(8331),
  ...blobsConfig,
  ...databaseConfig,
  ANIME_LIMIT: wholeNumber(1).default(5).describe('how many at once'),
  ANIME_API_TOKEN: z.string().min(8).optional().describe('at least 8 characters'),
});
const DATABASE_URL = 'postgres://anime:geheim@127.0.0.1:5432/anime';

function problemOf(env: Record<string, string>): ProblemError {
  try {
    readConfig(schema, env);
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('the configuration', () => {
  it('has defaults for whatever is not set or empty, and is frozen', () => {
    const config = readConfig(schema, { DATABASE_URL, PORT: '', UNRELATED: 'x' });
    expect(config).toEqual({
      NATS_URL: 'nats://127.0.0.1:4222',
      PORT: 8331,
      HOST: '127.0.0.1',
      LOG_LEVEL: 'info',
      ANIME_STUDIO: 'studio',
      NATS_SYNCED: false,
      ANIME_BLOBS: 'fs',
      ANIME_BLOBS_DIR: expect.stringMatching(/^\/.*\/\.anime\/blobs$/),
      DATABASE_URL,
      ANIME_LIMIT: 5,
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('reads what is set', () => {
    const config = readConfig(schema, {
      DATABASE_URL,
      PORT: '0',
      NATS_SYNCED: 'yes',
      NATS_URL: 'nats://a:4222, nats://b:4222',
      ANIME_LIMIT: '12',
    });
    expect(config).toMatchObject({
      PORT: 0,
      NATS_SYNCED: true,
      NATS_URL: 'nats://a:4222, nats://b:4222',
      ANIME_LIMIT: 12,
    });
  });

  it('names every bad variable in one error, with what was expected and what it is', () => {
    const problem = problemOf({
      PORT: '99999',
      LOG_LEVEL: 'loud',
      NATS_URL: 'http://x',
      ANIME_STUDIO: 'My Studio',
      NATS_SYNCED: 'maybe',
      ANIME_LIMIT: '0',
    });
    expect(problem.code).toBe('configuration-invalid');
    expect(problem.errors.map((error) => error.path).sort()).toEqual([
      'ANIME_LIMIT',
      'ANIME_STUDIO',
      'DATABASE_URL',
      'LOG_LEVEL',
      'NATS_SYNCED',
      'NATS_URL',
      'PORT',
    ]);
    expect(configurationLines(problem)).toContain(
      '  PORT: expected a port number from 0 (any free one) to 65535, but it is "99999"',
    );
    expect(configurationLines(problem)).toContain(
      '  DATABASE_URL: expected a PostgreSQL address, postgres://user:password@host:port/database, but it is not set',
    );
  });

  it('shows no secret', () => {
    const problem = problemOf({ DATABASE_URL: 'mysql://anime:geheim@host/db', ANIME_API_TOKEN: 'geheim' });
    expect(problem.errors).toHaveLength(2);
    expect(JSON.stringify([problem.errors, problem.message])).not.toContain('geheim');
  });

  it('refuses a password that nobody could decode, and takes one that is percent-encoded', () => {
    const bad = problemOf({
      DATABASE_URL: 'postgres://me:50%off@host/db',
      NATS_URL: 'nats://a:4222,nats://me:50%off@b:4222',
    });
    expect(bad.errors.map(({ path }) => path).sort()).toEqual(['DATABASE_URL', 'NATS_URL']);
    expect(JSON.stringify(bad.errors)).not.toContain('50%off');
    const good = { DATABASE_URL: 'postgres://me:50%25off@host/db', NATS_URL: 'nats://me:50%25off@b:4222' };
    expect(readConfig(schema, good)).toMatchObject(good);
  });

  it('lists every variable with what it means and its default', () => {
    const help = configurationHelp(schema);
    expect(help).toContain('  PORT                         a port number from 0 (any free one) to 65535; default 8331');
    expect(help).toContain('  ANIME_LIMIT                  how many at once; default 5');
    expect(help).toContain('  ANIME_API_TOKEN              at least 8 characters');
    expect(help).toContainEqual(expect.stringMatching(/^ {2}ANIME_BLOBS_DIR +.*; default \.anime\/blobs$/));
    expect(help).toContainEqual(expect.stringMatching(/^ {2}DATABASE_URL +a PostgreSQL address.*; must be set$/));
    expect(help).toHaveLength(Object.keys(schema.shape).length);
  });
});

describe('a folder of the configuration', () => {
  const { INIT_CWD } = process.env;
  afterEach(() => {
    if (INIT_CWD === undefined) delete process.env['INIT_CWD'];
    else process.env['INIT_CWD'] = INIT_CWD;
  });
  const folderOf = (env: Record<string, string>): string =>
    readConfig(schema, { DATABASE_URL, ...env }).ANIME_BLOBS_DIR;

  it('is meant from where the user called npm, which itself goes to the folder of the service', () => {
    process.env['INIT_CWD'] = '/home/artist';
    expect(folderOf({})).toBe('/home/artist/.anime/blobs');
    expect(folderOf({ ANIME_BLOBS_DIR: '../shared' })).toBe('/home/shared');
    expect(folderOf({ ANIME_BLOBS_DIR: '/srv/blobs' })).toBe('/srv/blobs');
  });

  it('is meant from the working directory when there is no npm', () => {
    delete process.env['INIT_CWD'];
    expect(folderOf({})).toBe(path.resolve('.anime/blobs'));
  });
});
