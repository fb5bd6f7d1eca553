import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BenchReport } from './report.js';

const MAIN = path.join(import.meta.dirname, '../dist/main.js');

describe('npm run bench', () => {
  let here: string;
  beforeAll(async () => void (here = await mkdtemp(path.join(tmpdir(), 'anime-bench-test-'))));
  afterAll(() => rm(here, { recursive: true, force: true }));

  const env: NodeJS.ProcessEnv = { ...process.env };
  delete env['NODE_OPTIONS'];
  const bench = (...args: string[]) => promisify(execFile)(process.execPath, [MAIN, ...args], { cwd: here, env });

  it('--quick of two rows ends with a table on the screen and well-formed JSON', async () => {
    const { stdout, stderr } = await bench('--quick', '--only', 'append,blobs', '--json', 'out.json');
    expect(stdout).toContain('raw publish');
    expect(stderr).toContain('window 1 of');
    const report = BenchReport.parse(JSON.parse(await readFile(path.join(here, 'out.json'), 'utf8')));
    expect(report).toMatchObject({ quick: true, failures: [] });
    expect(report.machine.natsServer).toMatch(/^\d+\.\d+/);
    expect(report.figures.map(({ row, unit }) => [row, unit])).toEqual([
      ['append', 'events/s'],
      ['append', 'ms'],
      ...['fs', 'nats'].flatMap(() => [
        ['blobs', 'MiB/s'],
        ['blobs', 'MiB/s'],
        ['blobs', 'MiB'],
      ]),
    ]);
    // Memory is a difference, without a baseline.
    for (const { value, baseline } of report.figures.filter(({ unit }) => unit !== 'MiB')) {
      expect(value).toBeGreaterThan(0);
      expect(baseline?.value).toBeGreaterThan(0);
    }
  }, 300_000);

  it('says what is wrong with an option, and measures nothing', async () => {
    await expect(bench('--only', 'nonsense')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no row "nonsense"'),
    });
    expect(await readdir(here)).not.toContain('.anime');
  });
});
