/** One option as commander takes it. */
export interface StackOption {
  readonly flags: string;
  readonly meaning: string;
  readonly fallback: string | false;
}

/** The options of each command of the local stack. */
export const OPTIONS: Readonly<Record<'demo' | 'start', readonly StackOption[]>>;
