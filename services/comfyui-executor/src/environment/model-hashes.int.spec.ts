import { createHash } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ModelHashes } from './model-hashes.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
let dir: string;
let folder: string;
let errors: unknown[];
let hashes: ModelHashes;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'anime-models-'));
  folder = path.join(dir, 'models');
  errors = [];
  hashes = new ModelHashes({ folder, onError: (error) => errors.push(error) });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function model(name: string, content: string, below = folder): Promise<string> {
  const file = path.join(below, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}
/** Of runs that loaded all that they name. */
async function of(names: readonly string[], patienceMs?: number): Promise<readonly (string | null)[]> {
  const found = await hashes.ofRun(await hashes.note(names), new Set(names), patienceMs);
  return names.map((name) => found.get(name) ?? null);
}
const hashOf = async (name: string): Promise<string | null> => (await of([name]))[0] ?? null;
/** Of a run that found it in the server's cache. */
const cachedHashOf = async (name: string): Promise<string | null> =>
  (await hashes.ofRun(await hashes.note([name]), new Set())).get(name) ?? null;

describe('the hash of a model', () => {
  it('is that of the file of its name in any sub-folder, with the sub-folders that its name has', async () => {
    await model('checkpoints/sd15/a.safetensors', 'a');
    await model('loras/b.safetensors', 'b');
    const names = ['a.safetensors', 'sd15/a.safetensors', String.raw`sd15\a.safetensors`, 'b.safetensors'];
    expect(await of(names)).toEqual(names.map((_, i) => sha256(i < 3 ? 'a' : 'b')));
    expect(await hashOf('checkpoints/sd15/a.safetensors')).toBe(sha256('a'));
  });

  it.each([
    'missing.safetensors',
    'other/a.safetensors',
    'd15/a.safetensors',
    '../models/a.safetensors',
    'sd15',
    '',
    '/',
  ])('is unknown of %j', async (name) => {
    await model('checkpoints/sd15/a.safetensors', 'a');
    expect(await hashOf(name)).toBeNull();
    expect(errors).toEqual([]);
  });

  it('is unknown when files that differ have its name, and known when they are the same', async () => {
    await model('checkpoints/a.safetensors', 'one');
    await model('loras/a.safetensors', 'two');
    await model('vae/b.safetensors', 'same');
    await model('upscale/b.safetensors', 'same');
    expect([await hashOf('a.safetensors'), await hashOf('b.safetensors')]).toEqual([null, sha256('same')]);
    expect(await hashOf('loras/a.safetensors')).toBe(sha256('two'));
  });

  it('does not come from outside the folder, whatever links lead there', async () => {
    const outside = await model('secret.safetensors', 'secret', path.join(dir, 'elsewhere'));
    const inside = await model('checkpoints/a.safetensors', 'a');
    await symlink(outside, path.join(folder, 'link.safetensors'));
    await symlink(path.dirname(outside), path.join(folder, 'folder'));
    await symlink(inside, path.join(folder, 'alias.safetensors'));
    expect(await of(['link.safetensors', 'secret.safetensors', 'alias.safetensors'])).toEqual([
      null,
      null,
      sha256('a'),
    ]);
  });

  it('is read again when the file has changed, and not before', async () => {
    const file = await model('a.safetensors', 'one');
    expect(await hashOf('a.safetensors')).toBe(sha256('one'));
    await utimes(file, 1, 1);
    expect(await hashOf('a.safetensors')).toBe(sha256('one'));
    await writeFile(file, 'two');
    // As long and as old as before: nothing says that it is another one.
    await utimes(file, 1, 1);
    expect(await hashOf('a.safetensors')).toBe(sha256('one'));
    await appendFile(file, '!');
    expect(await hashOf('a.safetensors')).toBe(sha256('two!'));
  });

  it('is unknown as long as the file is being read, which begins when it is noted', async () => {
    const text = 'x'.repeat(8_000_000);
    await model('large.safetensors', text);
    expect(await of(['large.safetensors'], 0)).toEqual([null]);
    expect(await of(['large.safetensors'])).toEqual([sha256(text)]);
  });

  it('is unknown when the file is another one at the end of the run than when its prompt was queued', async () => {
    const names = ['a.safetensors'];
    const loaded = new Set(names);
    const file = await model('a.safetensors', 'one');
    const noted = await hashes.note(names);
    await writeFile(file, 'another');
    expect((await hashes.ofRun(noted, loaded)).get('a.safetensors')).toBeUndefined();
    // The server may have loaded either.
    expect(await cachedHashOf('a.safetensors')).toBeNull();
    expect(await hashOf('a.safetensors')).toBe(sha256('another'));
  });

  it('is, of a model in the server’s cache, known as long as the file is that which was loaded', async () => {
    const file = await model('a.safetensors', 'one');
    expect(await cachedHashOf('a.safetensors')).toBeNull();
    expect(await hashOf('a.safetensors')).toBe(sha256('one'));
    expect(await cachedHashOf('a.safetensors')).toBe(sha256('one'));
    const failed = await hashes.note(['a.safetensors']);
    hashes.forget(['a.safetensors'], failed);
    expect(await cachedHashOf('a.safetensors')).toBe(sha256('one'));
    await writeFile(file, 'another');
    expect(await cachedHashOf('a.safetensors')).toBeNull();
    expect(await hashOf('a.safetensors')).toBe(sha256('another'));
    expect(await cachedHashOf('a.safetensors')).toBe(sha256('another'));
    hashes.forget(['a.safetensors'], undefined);
    expect(await cachedHashOf('a.safetensors')).toBeNull();
  });

  it('is unknown without the folder, which is told', async () => {
    expect(await hashOf('a.safetensors')).toBeNull();
    expect(errors).toMatchObject([{ code: 'ENOENT' }]);
    await model('a.safetensors', 'a');
    expect(await hashOf('a.safetensors')).toBe(sha256('a'));
  });
});
