import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { writeLogin } from './login-file.js';

describe('a file with a login', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'anime-login-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is read by its owner alone, also where another lay that all could read', async () => {
    const file = path.join(folder, 'database-url');
    await writeFile(file, 'of an earlier start');
    await chmod(file, 0o644);
    writeLogin(file, 'postgres://one:secret@127.0.0.1:5432/anime');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).toBe('postgres://one:secret@127.0.0.1:5432/anime\n');
  });
});
