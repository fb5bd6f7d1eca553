import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Figure } from './figure.js';
import { describeCommit, describeMachine } from './machine.js';
import type { BenchOptions } from './options.js';
import type { BenchReport } from './report.js';
import type { BenchContext, BenchRow } from './row.js';

/** Runs the rows one after the other. One that fails is told and does not stop the others. */
export async function runRows(options: BenchOptions, root: string, say: (line: string) => void): Promise<BenchReport> {
  const startedAt = new Date();
  const began = performance.now();
  const servers: { natsServer: string | null; postgres: string | null } = { natsServer: null, postgres: null };
  const figures: Figure[] = [];
  const failures: BenchReport['failures'] = [];
  for (const [index, row] of options.rows.entries()) {
    say(`${row.name} (${index + 1} of ${options.rows.length}): ${row.about}`);
    try {
      const measured = await runRow(row, options, (server, version) => (servers[server] = version), say);
      figures.push(...measured.map((figure): Figure => ({ row: row.name, ...figure, note: figure.note ?? null })));
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      failures.push({ row: row.name, message });
      say(`  failed: ${message}`);
    }
  }
  return {
    format: 'anime-bench/1',
    startedAt: startedAt.toISOString(),
    seconds: (performance.now() - began) / 1000,
    commit: await describeCommit(root),
    quick: options.quick,
    machine: { ...(await describeMachine()), ...servers },
    figures,
    failures,
  };
}

async function runRow(
  row: BenchRow,
  { quick, profiles }: BenchOptions,
  uses: BenchContext['uses'],
  say: (line: string) => void,
): ReturnType<BenchRow['run']> {
  const began = performance.now();
  const dir = await mkdtemp(path.join(tmpdir(), 'anime-bench-'));
  const folder = profiles === undefined ? undefined : path.join(profiles, row.name);
  if (folder !== undefined) await mkdir(folder, { recursive: true });
  const step = (text: string): void =>
    say(`  ${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`);
  try {
    return await row.run({ quick, dir, profiles: folder, step, uses });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
