import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { help, readOptions, type BenchOptions } from './options.js';
import { describeProfiles } from './profile.js';
import { writeDocs, writeJson } from './report.js';
import { ROWS } from './rows/index.js';
import { runRows } from './run.js';
import { ROOT } from './studio.js';
import { textTable } from './table.js';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function bench(options: BenchOptions): Promise<void> {
  const { json, profiles } = options;
  const page = path.join(ROOT, 'docs', 'benchmarks.md');
  if (profiles !== undefined) mkdirSync(profiles, { recursive: true });
  const report = await runRows(options, ROOT, say);
  await writeJson(json, report);
  process.stdout.write(`\n${textTable(report.figures)}\n\n`);
  for (const { row, message } of report.failures) process.stdout.write(`${row} could not be measured: ${message}\n\n`);
  process.stdout.write(`Figures: ${json}\n`);
  if (options.writeDocs) process.stdout.write(`${await writeDocs(page, report)}\n`);
  if (profiles !== undefined) {
    for (const row of readdirSync(profiles))
      process.stdout.write(`\n${row}: where the time goes\n${await describeProfiles(path.join(profiles, row))}\n`);
  }
  process.exitCode = report.failures.length === 0 ? 0 : 1;
}

try {
  const options = readOptions(process.argv.slice(2), ROWS, { root: ROOT, cwd: process.cwd(), now: new Date() });
  if (options === undefined) process.stdout.write(help(ROWS));
  else await bench(options);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
