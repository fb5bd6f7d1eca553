import { spawn, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Sealed } from '@anime/contracts';
import { TYPESCRIPT_PRELOAD } from '@anime/testing';
import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FileSubjectKeys } from './file-subject-keys.js';
import { MAX_SEALED_BYTES } from './subject-keys.js';

const ANNA = '0193a000-0000-7000-8000-000000000001';
const OTTO = '0193a000-0000-7000-8000-000000000002';
const folders: string[] = [];
const { NODE_OPTIONS: _options, ...env } = process.env;

/** A folder that is not there yet, in one that is. */
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'anime-keys-'));
  folders.push(folder);
  return path.join(folder, 'state', 'keys');
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

describe('FileSubjectKeys', () => {
  it('gives back any text that it sealed, from another process too, and never stores it', async () => {
    const dir = await newFolder();
    const keys = new FileSubjectKeys(dir);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        const sealed = await keys.seal(ANNA, text);
        expect(Sealed.parse(sealed)).toEqual(sealed);
        expect(await new FileSubjectKeys(dir).open(sealed)).toBe(text);
      }),
      { numRuns: 30 },
    );
    expect(await readdir(dir)).toEqual([`${ANNA}.key`]);
  });

  it('seals the empty text and the longest, and says no to a longer one and to half a character', async () => {
    const keys = new FileSubjectKeys(await newFolder());
    for (const text of ['', 'é'.repeat(MAX_SEALED_BYTES / 2)])
      expect(await keys.open(await keys.seal(ANNA, text))).toBe(text);
    for (const text of [`${'é'.repeat(MAX_SEALED_BYTES / 2)}x`, 'half: \ud83d'])
      await expect(keys.seal(ANNA, text)).rejects.toMatchObject({ code: 'validation-failed' });
  });

  it('keeps keys where only their owner can read them', async () => {
    const dir = await newFolder();
    await new FileSubjectKeys(dir).seal(ANNA, 'a note');
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    expect((await stat(path.join(dir, `${ANNA}.key`))).mode & 0o777).toBe(0o600);
  });

  it('takes nothing but an id for a subject, so that no other file is touched', async () => {
    const keys = new FileSubjectKeys(await newFolder());
    const sealed = await keys.seal(ANNA, 'a note');
    for (const subject of ['', '../other', `../${ANNA}`, ANNA.toUpperCase(), `${ANNA}/`]) {
      await expect(keys.seal(subject, 'a note')).rejects.toMatchObject({ code: 'validation-failed' });
      await expect(keys.open({ ...sealed, subject })).rejects.toMatchObject({ code: 'validation-failed' });
    }
  });

  it('opens nothing once the key is removed, and a new key does not claim what the old one sealed', async () => {
    const dir = await newFolder();
    const keys = new FileSubjectKeys(dir);
    const [before, others] = [await keys.seal(ANNA, 'before'), await keys.seal(OTTO, 'of another')];
    await rm(path.join(dir, `${ANNA}.key`));
    expect(await keys.open(before)).toBeUndefined();
    const after = await keys.seal(ANNA, 'after');
    expect(await keys.open(before)).toBeUndefined();
    expect(await keys.open(after)).toBe('after');
    expect(await keys.open(others)).toBe('of another');
  });

  it("says seal-broken of a text that was changed, or that is said to be another subject's", async () => {
    const keys = new FileSubjectKeys(await newFolder());
    const sealed = await keys.seal(ANNA, 'a note');
    const { keyVersion } = await keys.seal(OTTO, 'a note');
    for (const change of [{ ciphertext: 'AAAAAAAA' }, { tag: '' }, { subject: OTTO, keyVersion }])
      await expect(keys.open({ ...sealed, ...change })).rejects.toMatchObject({
        code: 'seal-broken',
        retryable: false,
      });
  });

  it('says key-damaged of a key that is not whole, and never puts a new one in its place', async () => {
    const dir = await newFolder();
    const file = path.join(dir, `${ANNA}.key`);
    const keys = new FileSubjectKeys(dir);
    const sealed = await keys.seal(ANNA, 'a note');
    await keys.seal(OTTO, 'another');
    const whole = await readFile(file, 'utf8');
    const others = await readFile(path.join(dir, `${OTTO}.key`), 'utf8');
    const damaged = ['', whole.slice(0, 40), 'garbage', '{}', others, whole.replace(/"bytes":"./, '"bytes":"!')];
    for (const content of damaged) {
      await writeFile(file, content);
      await expect(keys.open(sealed)).rejects.toMatchObject({
        code: 'key-damaged',
        message: expect.stringContaining(ANNA),
      });
      await expect(keys.seal(ANNA, 'more')).rejects.toMatchObject({ code: 'key-damaged', retryable: false });
      expect(await readFile(file, 'utf8')).toBe(content);
    }
    await writeFile(file, whole);
    expect(await keys.open(sealed)).toBe('a note');
  });

  it('says storage-failed when the folder cannot be made or a key cannot be read, and works again when it can', async () => {
    const dir = await newFolder();
    const keys = new FileSubjectKeys(dir);
    await writeFile(path.dirname(dir), ''); // a file where a folder should be
    await expect(keys.seal(ANNA, 'a note')).rejects.toMatchObject({ code: 'storage-failed', retryable: true });
    await rm(path.dirname(dir));
    const sealed = await keys.seal(ANNA, 'a note');
    await rm(path.join(dir, `${ANNA}.key`));
    await mkdir(path.join(dir, `${ANNA}.key`)); // reading a folder fails, also for root
    await expect(keys.open(sealed)).rejects.toMatchObject({ code: 'storage-failed' });
    await expect(keys.seal(ANNA, 'more')).rejects.toMatchObject({ code: 'storage-failed' });
  });

  it('does not take keys for erased whose folder is away', async () => {
    const dir = await newFolder();
    const keys = new FileSubjectKeys(dir);
    const sealed = await keys.seal(ANNA, 'a note');
    await rm(dir, { recursive: true });
    await expect(keys.open(sealed)).rejects.toMatchObject({ code: 'storage-failed' });
    await expect(keys.seal(ANNA, 'in between')).rejects.toMatchObject({ code: 'storage-failed' });
    expect(await keys.open(await keys.seal(ANNA, 'after'))).toBe('after');
  });

  it('removes what a process that died while it made a key left, and not what another is writing', async () => {
    const dir = await newFolder();
    await mkdir(dir, { recursive: true });
    await chmod(dir, 0o700);
    const [old, fresh] = [`${OTTO}.old.new`, `${OTTO}.fresh.new`];
    for (const name of [old, fresh]) await writeFile(path.join(dir, name), 'half');
    const twoHoursAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(path.join(dir, old), twoHoursAgo, twoHoursAgo);
    await new FileSubjectKeys(dir).seal(ANNA, 'a note');
    expect((await readdir(dir)).toSorted()).toEqual([`${ANNA}.key`, fresh]);
  });

  it('has one key when two processes seal for a new subject at the same time, and opens what both sealed', async () => {
    const dir = await newFolder();
    const script = path.join(import.meta.dirname, 'testing', 'seal-for.mjs');
    const processes = ['one', 'two'].map((text) => {
      const child = spawn(process.execPath, ['--import', TYPESCRIPT_PRELOAD, script, dir, text], {
        env,
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      return { text, child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
    });
    try {
      for (const { lines } of processes) expect((await lines.next()).value).toBe('ready');
      for (let n = 0; n < 100; n += 1) {
        const subject = `0193a000-0000-7000-8000-${String(n).padStart(12, '0')}`;
        for (const { child } of processes) child.stdin.write(`${subject}\n`);
        for (const { text, lines } of processes) {
          const sealed = Sealed.parse(JSON.parse(String((await lines.next()).value)));
          expect(await new FileSubjectKeys(dir).open(sealed)).toBe(text);
        }
      }
      expect(await readdir(dir)).toHaveLength(100);
    } finally {
      for (const { child } of processes) child.kill('SIGKILL');
    }
  });

  // A file system of its own of 64 KiB where a mount is allowed (as root, or in a user namespace), else a limit on the size of
  // files; in each case the write itself fails in the kernel.
  it('says storage-failed when the disk is full, and leaves no half of a key', async () => {
    const dir = await newFolder();
    await mkdir(dir, { recursive: true });
    const script = path.join(import.meta.dirname, 'testing', 'fill-the-disk.mjs');
    const node = `exec "${process.execPath}" --import "${TYPESCRIPT_PRELOAD}" "${script}" "${dir}"`;
    const mounted = `mount -t tmpfs -o size=64k tmpfs "${dir}" && ${node}`;
    const ways: [string, string[]][] = [
      ['unshare', ['--mount', 'sh', '-c', mounted]],
      ['unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', mounted]],
      ['sh', ['-c', `ulimit -f 0 && ${node}`]],
    ];
    let output = '';
    for (const [command, args] of ways) {
      output = spawnSync(command, args, { encoding: 'utf8', env }).stdout ?? '';
      if (output.includes('"full"')) break;
    }
    const full = expect.stringMatching(/^(ENOSPC|EFBIG)$/);
    expect(JSON.parse(output)).toEqual({ full, code: 'storage-failed', errno: full, left: [] });
  });
});
