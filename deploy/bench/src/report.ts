import { mkdir, readFile, writeFile } from 'node:fs/promises';
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
 * Puts a run's figures into the page in the place of those before; what people wrote around them stays.
 * @throws when the page has no place for them
 */
export async function writeDocs(page: string, report: BenchReport): Promise<void> {
  await writeFile(page, withFigures(await readFile(page, 'utf8'), report));
}

/** The page with the figures of this run. */
export function withFigures(page: string, report: BenchReport): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the page has no lines "${BEGIN}" and "${END}" between which figures go`);
  return `${page.slice(0, from)}${BEGIN}\n\n${figuresOf(report)}\n\n${page.slice(to)}`;
}

function figuresOf({ startedAt, seconds, commit, quick, machine, figures, failures }: BenchReport): string {
  const { cpu, cores, memoryGiB, os, node, natsServer, postgres } = machine;
  const servers = [`Node ${node}`, natsServer && `nats-server ${natsServer}`, postgres && `PostgreSQL ${postgres}`];
  const lines = [
    `Measured on ${startedAt.slice(0, 10)} at commit ${commit ?? 'unknown'} in ${Math.round(seconds)} s${quick ? ', with `--quick`' : ''}.`,
    `${cpu}, ${cores} cores, ${memoryGiB} GiB; ${os}; ${servers.filter((text) => text !== null).join(', ')}.`,
    '',
    markdownTable(figures),
    ...failures.map(({ row, message }) => `\n${row} could not be measured: ${message.split('\n')[0]}`),
  ];
  return lines.join('\n');
}
