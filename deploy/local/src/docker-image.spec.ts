import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

async function patternsOf(file: string): Promise<string[]> {
  const lines = (await readFile(path.join(ROOT, file), 'utf8')).split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

describe('an image of a service', () => {
  it('holds nothing that git does not take: no data, no keys of personal text, no passwords', async () => {
    const ignored = await patternsOf('.gitignore');
    expect(ignored).toEqual(expect.arrayContaining(['.anime/', '.anime-keys/', '.env']));
    // A pattern of git without a slash before its end holds at any depth, one of Docker at the top only.
    const wanted = ignored.map((pattern) => `**/${pattern.replace(/\/$/, '')}`);
    expect(await patternsOf('.dockerignore')).toEqual(expect.arrayContaining(wanted));
  });
});
