import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BenchReport, withFigures, writeDocs } from './report.js';

const REPORT: BenchReport = {
  format: 'anime-bench/1',
  startedAt: '2026-11-21T10:00:00.000Z',
  seconds: 500.4,
  commit: 'abc1234',
  quick: false,
  machine: {
    cpu: 'a processor',
    cores: 2,
    memoryGiB: 24,
    os: 'Linux',
    node: 'v24.21.0',
    natsServer: '2.11.6',
    postgres: null,
  },
  figures: [{ row: 'append', what: 'p50', unit: 'ms', value: 0.3, baseline: null, budgets: [], note: null }],
  failures: [],
};
const PAGE = path.join(import.meta.dirname, '../../../docs/benchmarks.md');

describe('docs/benchmarks.md', () => {
  it('takes new figures in the place of the old ones, and keeps what people wrote around them', async () => {
    const page = await readFile(PAGE, 'utf8');
    const once = withFigures(page, REPORT);
    expect(once).toContain('| append | p50 | 0.30 ms |');
    expect(once).toContain('Measured on 2026-11-21 at commit abc1234 in 500 s.');
    expect(once).toContain('a processor, 2 cores, 24 GiB; Linux; Node v24.21.0, nats-server 2.11.6.');
    const heading = /^#.*/m.exec(page)?.[0] ?? '';
    expect(once.startsWith(heading)).toBe(true);
    expect(withFigures(once, REPORT)).toBe(once);
    expect(once.split('<!-- end of figures -->')[1]).toBe(page.split('<!-- end of figures -->')[1]);
  });

  it('that has no place for figures is left alone, with the reason', () => {
    expect(() => withFigures('# A page', REPORT)).toThrow('between which figures go');
  });
});

describe('--write-docs', () => {
  let folder: string;
  let page: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'anime-page-'));
    page = path.join(folder, 'benchmarks.md');
    await copyFile(PAGE, page);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('writes a whole run, and leaves nothing beside the page', async () => {
    const before = await readFile(page, 'utf8');
    expect(await writeDocs(page, REPORT)).toBe(`Page: ${page}`);
    expect(await readFile(page, 'utf8')).toBe(withFigures(before, REPORT));
    expect(await readdir(folder)).toEqual(['benchmarks.md']);
  });

  it('keeps the figures of before when a row of the run failed, and says so', async () => {
    const before = await readFile(page, 'utf8');
    const failures = [{ row: 'idle', message: 'no ports' }];
    expect(await writeDocs(page, { ...REPORT, failures })).toContain('keeps the figures it has, as idle could not');
    expect(await readFile(page, 'utf8')).toBe(before);
  });
});

describe('a report', () => {
  it('is read back as it was written', () => {
    expect(BenchReport.parse(JSON.parse(JSON.stringify(REPORT)))).toEqual(REPORT);
  });
});
