import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { TYPESCRIPT_PRELOAD } from '@anime/testing';
import { FsBlobStore } from './fs-blob-store.js';
import { runBlobStoreConformance } from './testing/index.js';

const folders: string[] = [];

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'anime-blobs-'));
  folders.push(folder);
  return folder;
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

function fileOf(dir: string, sha256: string): string {
  return path.join(dir, sha256.slice(0, 2), sha256.slice(2, 4), sha256);
}

async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

runBlobStoreConformance('FsBlobStore', async () => {
  const dir = await emptyFolder();
  return {
    open: () => new FsBlobStore(dir),
    damages: {
      'wrong content': (sha256) => writeFile(fileOf(dir, sha256), Buffer.alloc(400_000)),
      'a part of the content': async (sha256) =>
        writeFile(fileOf(dir, sha256), (await readFile(fileOf(dir, sha256))).subarray(0, 100)),
      'no content': (sha256) => writeFile(fileOf(dir, sha256), ''),
    },
    leftovers: async () => (await filesBelow(dir)).filter((name) => !/^[0-9a-f]{64}$/.test(name)),
  };
});

describe('FsBlobStore', () => {
  it('keeps a blob as one file below two folders of its first digits', async () => {
    const dir = await emptyFolder();
    const { sha256 } = await new FsBlobStore(dir).put(Buffer.from('a picture'));
    expect(await filesBelow(dir)).toEqual([sha256]);
    expect((await stat(fileOf(dir, sha256))).isFile()).toBe(true);
  });

  it('removes what a process that died in the middle of a put left, and not what another is writing', async () => {
    const dir = await emptyFolder();
    await mkdir(path.join(dir, 'tmp'));
    await writeFile(path.join(dir, 'tmp', 'old'), 'half');
    await writeFile(path.join(dir, 'tmp', 'fresh'), 'half');
    const twoHoursAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(path.join(dir, 'tmp', 'old'), twoHoursAgo, twoHoursAgo);
    await new FsBlobStore(dir).put(Buffer.from('x'));
    expect(await readdir(path.join(dir, 'tmp'))).toEqual(['fresh']);
  });

  it('goes on when its folder was removed and made again', async () => {
    const dir = await emptyFolder();
    const store = new FsBlobStore(dir);
    await store.put(Buffer.from('before'));
    await rm(dir, { recursive: true });
    await expect(store.put(Buffer.from('between'))).rejects.toMatchObject({ code: 'storage-failed' });
    const { sha256 } = await store.put(Buffer.from('after'));
    expect(await store.has(sha256)).toEqual({ size: 5 });
  });

  it('says storage-failed when its folder cannot be made', async () => {
    const dir = await emptyFolder();
    await writeFile(path.join(dir, 'file'), '');
    const store = new FsBlobStore(path.join(dir, 'file', 'blobs'));
    await expect(store.put(Buffer.from('x'))).rejects.toMatchObject({ code: 'storage-failed', retryable: true });
    await expect(store.get(createHash('sha256').update('x').digest('hex'))).rejects.toMatchObject({
      code: 'storage-failed',
    });
  });

  // A file system of its own of 256 KiB where a mount is allowed (as root, or in a user namespace), else a limit on the size of
  // files; in each case the write itself fails in the kernel.
  it('says storage-failed when the disk is full, leaves nothing, and works again once there is room', async () => {
    const dir = await emptyFolder();
    const script = path.join(import.meta.dirname, 'testing', 'fill-the-disk.mjs');
    const node = `exec "${process.execPath}" --import "${TYPESCRIPT_PRELOAD}" "${script}" "${dir}"`;
    const mounted = `mount -t tmpfs -o size=256k tmpfs "${dir}" && ${node}`;
    const ways: [string, string[]][] = [
      ['unshare', ['--mount', 'sh', '-c', mounted]],
      ['unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', mounted]],
      ['sh', ['-c', `ulimit -f 400 && ${node}`]],
    ];
    const { NODE_OPTIONS: _options, ...env } = process.env;
    const outputs = ways.map(
      ([command, args]) =>
        () =>
          spawnSync(command, args, { encoding: 'utf8', env }),
    );
    let output = '';
    for (const run of outputs) {
      const result = run();
      output = result.stdout ?? '';
      if (output.includes('"done"')) break;
    }
    expect(JSON.parse(output)).toEqual({
      done: 'done',
      code: 'storage-failed',
      errno: expect.stringMatching(/^(ENOSPC|EFBIG)$/),
      temporaryFiles: 0,
      small: 'stored',
    });
  });
});
