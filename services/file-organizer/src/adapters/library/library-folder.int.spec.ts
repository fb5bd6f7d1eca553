import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LibraryFolder, type FileContent } from './library-folder.js';

let root: string;
let library: LibraryFolder;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'anime-library-'));
  library = new LibraryFolder(root);
});
afterEach(async () => rm(root, { recursive: true, force: true }));

function contentOf(text: string, changes: Partial<FileContent> = {}): FileContent {
  const bytes = Buffer.from(text);
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    size: bytes.byteLength,
    chunks: async function* () {
      for (let at = 0; at < bytes.byteLength; at += 3) yield bytes.subarray(at, at + 3);
    },
    ...changes,
  };
}

async function staged(): Promise<string[]> {
  return readdir(path.join(root, '.incoming'));
}

describe('a library folder', () => {
  it('holds a file once, however many place it at the same time', async () => {
    const other = new LibraryFolder(root);
    const placed = await Promise.all(
      Array.from({ length: 16 }, (_, i) =>
        (i % 2 === 0 ? library : other).place('a/b/x.png', contentOf('the picture')),
      ),
    );
    expect(new Set(placed.map((file) => file.path))).toEqual(new Set(['a/b/x.png']));
    expect(await readdir(path.join(root, 'a', 'b'))).toEqual(['x.png']);
    expect(await readFile(path.join(root, 'a', 'b', 'x.png'), 'utf8')).toBe('the picture');
    expect(await staged()).toEqual([]);
  });

  it('keeps each of two contents that race for one name', async () => {
    const one = contentOf('one');
    const other = contentOf('two', {
      chunks: async function* () {
        // The other instance is first, after this one has seen that the name is free.
        await new LibraryFolder(root).place('x.png', one);
        yield Buffer.from('two');
      },
    });
    const placed = await library.place('x.png', other);
    expect(placed.path).not.toBe('x.png');
    expect(await readFile(path.join(root, 'x.png'), 'utf8')).toBe('one');
    expect(await readFile(path.join(root, placed.path), 'utf8')).toBe('two');
  });

  it.each([
    ['is not what the name says', contentOf('abc', { sha256: 'e'.repeat(64) })],
    ['is longer than was said', contentOf('abc', { size: 2 })],
  ])('leaves nothing of a source that %s', async (_what, content) => {
    await expect(library.place('a/x.png', content)).rejects.toMatchObject({ code: 'blob-corrupt' });
    expect(await readdir(root)).toEqual(['.incoming']);
    expect(await staged()).toEqual([]);
  });

  it('leaves nothing of a source that fails, and throws its error', async () => {
    const error = new Error('the source broke');
    const broken = contentOf('abc', {
      chunks: async function* () {
        yield Buffer.from('ab');
        throw error;
      },
    });
    await expect(library.place('x.png', broken)).rejects.toBe(error);
    expect(await staged()).toEqual([]);
  });

  it('never follows a link that somebody put under the name', async () => {
    await writeFile(path.join(root, 'elsewhere'), 'kept');
    await symlink(path.join(root, 'elsewhere'), path.join(root, 'x.png'));
    const placed = await library.place('x.png', contentOf('the picture'));
    expect(placed.path).not.toBe('x.png');
    expect(await readFile(path.join(root, 'elsewhere'), 'utf8')).toBe('kept');
  });

  it('says storage-failed without the path when a folder cannot be made, and goes on once it can', async () => {
    await writeFile(path.join(root, 'a'), 'a file');
    const failure = await library.place('a/x.png', contentOf('abc')).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'storage-failed',
      retryable: true,
      message: expect.not.stringContaining(root),
    });
    expect(await staged()).toEqual([]);
    await rm(path.join(root, 'a'));
    await mkdir(path.join(root, 'a'));
    expect(await library.place('a/x.png', contentOf('abc'))).toMatchObject({ path: 'a/x.png' });
  });

  it.each(['../x', '/etc/passwd', 'a/../../x', '.'])('refuses the path %s', (outside) => {
    expect(() => library.absolute(outside)).toThrow('leads out of the library');
  });
});
