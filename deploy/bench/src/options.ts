import path from 'node:path';
import { parseArgs } from 'node:util';
import type { BenchRow } from './row.js';

export interface BenchOptions {
  readonly rows: readonly BenchRow[];
  readonly quick: boolean;
  readonly json: string;
  readonly writeDocs: boolean;
  readonly profiles: string | undefined;
}

/** The text of `--help`. */
export function help(rows: readonly BenchRow[]): string {
  return `Usage: npm run bench [-- options]

Measures the product against its budgets, each figure beside a raw baseline in the same run. Takes 20 to 30 minutes on
two cores; figures are only worth something on a machine that does nothing else.

  --only <row,row>      only these rows
  --quick               fewer and shorter windows: a few minutes, rougher figures
  --json <file>         where the figures go (default: .anime/bench/<time>.json)
  --write-docs          put the figures into docs/benchmarks.md, when every row could be measured
  --profile <folder>    let each service write a CPU profile there and show where its time goes; it is slower then
  --help                this text

Rows:
${rows.map(({ name, about }) => `  ${name.padEnd(21)} ${about}\n`).join('')}
A missed budget is told in the table and is no error; exit code 1 when a row could not be measured.
`;
}

/**
 * What a command line asks for; undefined: the help.
 * @param cwd from which relative paths are meant
 * @throws Error that says what is wrong with it
 */
export function readOptions(
  args: readonly string[],
  rows: readonly BenchRow[],
  { root, cwd, now }: { readonly root: string; readonly cwd: string; readonly now: Date },
): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      'write-docs': { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const wanted = values.only?.split(',').map((name) => name.trim());
  const unknown = wanted?.find((name) => rows.every((row) => row.name !== name));
  if (unknown !== undefined)
    throw new Error(`there is no row "${unknown}": there are ${rows.map(({ name }) => name).join(', ')}`);
  if (values['write-docs'] && (wanted !== undefined || values.quick || values.profile !== undefined))
    throw new Error('--write-docs takes the whole run: leave out --only, --quick and --profile');
  const stamp = now.toISOString().slice(0, 19).replaceAll(':', '-');
  return {
    rows: rows.filter(({ name }) => wanted?.includes(name) ?? true),
    quick: values.quick,
    json:
      values.json === undefined ? path.join(root, '.anime', 'bench', `${stamp}.json`) : path.resolve(cwd, values.json),
    writeDocs: values['write-docs'],
    profiles: values.profile === undefined ? undefined : path.resolve(cwd, values.profile),
  };
}
