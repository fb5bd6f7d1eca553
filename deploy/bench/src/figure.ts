import { z } from 'zod';

/** What a figure is held against: an amount of its own unit, or a share of its baseline. */
const Budget = z.strictObject({
  kind: z.enum(['amount', 'ratio']),
  /** `atLeast`: more is better. */
  bound: z.enum(['atLeast', 'atMost']),
  value: z.number(),
});
export type Budget = z.infer<typeof Budget>;

export const Figure = z.strictObject({
  /** Name of the row that measured it. */
  row: z.string(),
  what: z.string(),
  unit: z.string(),
  /** Null: it could not be measured, `note` says why. */
  value: z.number().nullable(),
  baseline: z.strictObject({ what: z.string(), value: z.number() }).nullable(),
  /** Without any it is only told. */
  budgets: z.array(Budget),
  note: z.string().nullable(),
});
export type Figure = z.infer<typeof Figure>;

/** Budgets in the words of architecture §12. */
export const atLeast = (value: number): Budget => ({ kind: 'amount', bound: 'atLeast', value });
export const atMost = (value: number): Budget => ({ kind: 'amount', bound: 'atMost', value });
export const atLeastTimesBaseline = (value: number): Budget => ({ kind: 'ratio', bound: 'atLeast', value });
export const atMostTimesBaseline = (value: number): Budget => ({ kind: 'ratio', bound: 'atMost', value });

export type Verdict = 'met' | 'missed' | 'told' | 'unavailable';

/** Figure over baseline; null when one of them is not there. */
export function ratioOf({ value, baseline }: Pick<Figure, 'value' | 'baseline'>): number | null {
  return value === null || baseline === null || baseline.value === 0 ? null : value / baseline.value;
}

/** Whether a figure keeps all its budgets. What was not measured is never met. */
export function judge(figure: Figure): Verdict {
  if (figure.value === null) return 'unavailable';
  if (figure.budgets.length === 0) return 'told';
  return figure.budgets.every((budget) => keeps(figure, budget)) ? 'met' : 'missed';
}

function keeps(figure: Figure, { kind, bound, value }: Budget): boolean {
  const measured = kind === 'amount' ? figure.value : ratioOf(figure);
  if (measured === null) return false;
  return bound === 'atLeast' ? measured >= value : measured <= value;
}
