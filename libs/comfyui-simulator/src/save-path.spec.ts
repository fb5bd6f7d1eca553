import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { nextCounter, resolveSavePath } from './save-path.js';

const SIZE = { width: 640, height: 480 };
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'save-path-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('the save path', () => {
  // Prefix, file name stem and subfolder as recorded from a real server.
  it.each([
    ['cnt', 'cnt', ''],
    ['sub/dir/cnt', 'cnt', 'sub/dir'],
    ['%date:yyyy-MM-dd%/x', 'x', '%date:yyyy-MM-dd%'],
    ['%EmptyImage.width%_n', '%EmptyImage.width%_n', ''],
    ['%year%-%month%-%day%/h%hour%m%minute%s%second%_%width%x%height%', 'h11m37s54_640x480', '2026-11-20'],
    ['trail/', 'trail', ''],
    ['', '.', ''],
    ['..', '..', ''],
    ['x/../y', 'y', ''],
    ['./z', 'z', ''],
    ['name:with?bad*chars', 'name:with?bad*chars', ''],
  ])('of prefix %j is %j in %j', async (prefix, filename, subfolder) => {
    const path = await resolveSavePath(root, prefix, SIZE, new Date(2026, 10, 20, 11, 37, 54));
    expect({ filename: path.filename, subfolder: path.subfolder }).toEqual({ filename, subfolder });
    expect(nextCounter(path)).toBe('00001');
  });

  it.each(['/abs', '../../evil', '../x/y'])('refuses to leave the folder for %j', async (prefix) => {
    await expect(resolveSavePath(root, prefix, SIZE)).rejects.toThrow('Saving image outside the output folder');
    expect(await readdir(root)).toEqual([]);
  });

  it('counts from the highest number there is, with a sixth digit after 99999', async () => {
    await writeFile(join(root, 'cnt_00007_.png'), '');
    await writeFile(join(root, 'cnt_x_.png'), '');
    await writeFile(join(root, 'cnt_12.png'), '');
    await writeFile(join(root, 'other_00050_.png'), '');
    expect(nextCounter(await resolveSavePath(root, 'cnt', SIZE))).toBe('00008');
    await writeFile(join(root, 'cnt_99999_.png'), '');
    expect(nextCounter(await resolveSavePath(root, 'cnt', SIZE))).toBe('100000');
  });
});
