import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

/** The commands of the shell examples, continued lines joined, comments left out. */
function shellCommands(markdown: string): string[] {
  return [...markdown.matchAll(/```sh\n(.*?)```/gs)]
    .flatMap(([, block = '']) => block.replaceAll(/\\\n\s*/g, '').split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

describe('the README', () => {
  let studio: TestStudio;
  let readme: string;
  beforeAll(async () => {
    readme = await readFile(path.join(ROOT, 'README.md'), 'utf8');
    studio = await TestStudio.start();
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  it.each(['README.md', 'docs/how-to/projects.md'])(
    '(%s) has curl examples that do what they say',
    async (page) => {
      const markdown = await readFile(path.join(ROOT, page), 'utf8');
      const examples = shellCommands(markdown).filter((command) => command.startsWith('curl'));
      expect(examples.length).toBeGreaterThanOrEqual(5);
      for (const example of examples) {
        const command = example.replaceAll('http://127.0.0.1:8331', studio.service('gateway').url);
        const { stdout } = await promisify(execFile)('bash', ['-c', command]);
        const answer = JSON.parse(stdout) as { code?: string; status?: unknown };
        expect([example, answer.code]).toEqual([example, undefined]);
        if (example.includes('wait=60')) expect(answer.status).toBe('completed');
      }
    },
    90_000,
  );

  it('names npm commands that exist', async () => {
    const scriptsOf = async (file: string): Promise<Record<string, string>> =>
      (JSON.parse(await readFile(path.join(ROOT, file), 'utf8')) as { scripts: Record<string, string> }).scripts;
    const root = await scriptsOf('package.json');
    for (const [, script = '', workspace] of readme.matchAll(/npm run ([\w:]+)(?: -w @anime\/([\w-]+))?/g)) {
      if (workspace === undefined) expect(root).toHaveProperty(script);
      else {
        const folder = workspace === 'contracts' ? 'contracts' : `services/${workspace}`;
        expect([workspace, Object.keys(await scriptsOf(`${folder}/package.json`))]).toEqual([
          workspace,
          expect.arrayContaining([script]),
        ]);
      }
    }
  });

  it('names files that exist', async () => {
    for (const [, link = ''] of readme.matchAll(/\]\((docs[^)#]*)\)/g)) {
      await expect(readFile(path.join(ROOT, link))).resolves.toBeDefined();
    }
  });
});
