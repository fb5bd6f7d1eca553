import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { Figure } from './figure.js';
import { Machine } from './machine.js';
import { markdownTable } from './table.js';

/** One run, as its JSON file holds it. */
export const BenchReport = z.strictObject({
  format: z.literal('anime-bench/1'),
  startedAt: z.iso.datetime(),
  seconds: z.number(),
  commit: z.string().nullable(),
  quick: z.boolean(),
  machine: Machine,
  figures: z.array(Figure),
  /** Rows that could not be run to their end, and why. */
  failures: z.array(z.strictObject({ row: z.string(), message: z.string() })),
});
export type BenchReport = z.infer<typeof BenchReport>;

export async function writeJson(file: string, report: BenchReport): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
}

const BEGIN = '<!-- figures: written by npm run bench -- --write-docs -->';
const END = '<!-- end of figures -->';

/**
 * Puts a run's figures into the page in the place of those before; what people wrote around them stays. A run of which a row
 * failed leaves the page as it is: half a table would hide what the whole one showed.
 * @returns what was done, in words
 * @throws when the page has no place for them
 */
export async function writeDocs(page: string, report: BenchReport): Promise<string> {
  const failed = report.failures.map(({ row }) => row);
  if (failed.length > 0) return `${page} keeps the figures it has, as ${failed.join(', ')} could not be measured`;
  const written = withFigures(await readFile(page, 'utf8'), report);
  // Whoever reads the page, or ends this process, finds the old page or the new one.
  const beside = `${page}.${process.pid}.tmp`;
  await writeFile(beside, written);
  await rename(beside, page);
  return `Page: ${page}`;
}

/** The page with the figures of this run. */
export function withFigures(page: string, report: BenchReport): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the page has no lines "${BEGIN}" and "${END}" between which figures go`);
  return `${page.slice(0, from)}${BEGIN}\n\n${figuresOf(report)}\n\n${page.slice(to)}`;
}

function figuresOf({ startedAt, seconds, commit, machine, figures }: BenchReport): string {
  const { cpu, cores, memoryGiB, os, node, natsServer, postgres } = machine;
  const servers = [`Node ${node}`, natsServer && `nats-server ${natsServer}`, postgres && `PostgreSQL ${postgres}`];
  const lines = [
    `Measured on ${startedAt.slice(0, 10)} at commit ${commit ?? 'unknown'} in ${Math.round(seconds)} s.`,
    `${cpu}, ${cores} cores, ${memoryGiB} GiB; ${os}; ${servers.filter((text) => text !== null).join(', ')}.`,
    '',
    markdownTable(figures),
  ];
  return lines.join('\n');
}
