import { judge, ratioOf, type Budget, type Figure } from './figure.js';

const HEAD = ['row', 'what', 'figure', 'baseline', 'ratio', 'budget', ''] as const;
const RIGHT = new Set([2, 4]);

/** The figures as lines of cells, in the order of `HEAD`. */
function cells(figures: readonly Figure[]): string[][] {
  return figures.map((figure) => {
    const { row, what, unit, value, baseline, budgets } = figure;
    const ratio = ratioOf(figure);
    return [
      row,
      what,
      value === null ? 'unavailable' : `${amount(value)} ${unit}`,
      baseline === null ? '' : `${amount(baseline.value)} ${unit} (${baseline.what})`,
      ratio === null ? '' : ratio.toFixed(2),
      budgets.map((budget) => words(budget, unit)).join(', '),
      judge(figure),
    ];
  });
}

function words({ kind, bound, value }: Budget, unit: string): string {
  const sign = bound === 'atLeast' ? '≥' : '≤';
  return kind === 'amount' ? `${sign} ${amount(value)} ${unit}` : `${sign} ${value} × baseline`;
}

/** Three digits that matter, thousands apart by a space. */
export function amount(value: number): string {
  const size = Math.abs(value);
  const text = size >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(size >= 10 ? 1 : 2);
  return text.replaceAll(/\B(?=(\d{3})+$)/g, ' ');
}

/** For a terminal; notes stand under the table. */
export function textTable(figures: readonly Figure[]): string {
  const lines = [[...HEAD], ...cells(figures)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const text = lines.map((line) =>
    line
      .map((cell, column) =>
        RIGHT.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  return [...text, ...notes(figures)].join('\n');
}

/** For a page in Markdown, as oxfmt leaves it. */
export function markdownTable(figures: readonly Figure[]): string {
  const line = (parts: readonly string[]): string => `| ${parts.join(' | ')} |`.replaceAll(/\| {2}(?=\|)/g, '| ');
  const rule = HEAD.map((_, column) => (RIGHT.has(column) ? '---:' : '---'));
  const told = notes(figures);
  const table = [line(HEAD), line(rule), ...cells(figures).map(line)];
  return [...table, ...(told.length === 0 ? [] : ['', ...told.map((note) => `- ${note}`)])].join('\n');
}

function notes(figures: readonly Figure[]): string[] {
  return figures.flatMap(({ row, what, note }) => (note === null ? [] : [`${row}, ${what}: ${note}`]));
}
