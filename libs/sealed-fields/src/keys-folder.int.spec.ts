import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keysFolderFault } from './keys-folder.js';

describe('the folder of keys', () => {
  let here = '';
  beforeAll(async () => {
    here = await mkdtemp(path.join(tmpdir(), 'anime-keys-folder-'));
    await mkdir(path.join(here, 'data', 'blobs'), { recursive: true });
    await symlink(path.join(here, 'data'), path.join(here, 'link'));
  });
  afterAll(() => rm(here, { recursive: true, force: true }));
  const fault = (dir: string): string | undefined =>
    keysFolderFault(path.join(here, dir), [path.join(here, 'data'), path.join(here, 'not-there-yet')]);

  it.each(['data', 'data/keys', 'data/blobs/a/b', 'link', 'link/keys', 'not-there-yet/keys', 'other/../data/keys'])(
    'must not be %s, in a data folder',
    (dir) => expect(fault(dir)).toMatch(/lies in the data folder/),
  );

  it.each(['keys', 'data-keys', 'data/../keys', '..data', 'not-there', '.'])('may be %s, outside', (dir) =>
    expect(fault(dir)).toBeUndefined(),
  );
});
