import type { Figure } from './figure.js';

/** One row of the table: measures one thing, with its raw baseline in the same run, interleaved. */
export interface BenchRow {
  /** One word, for `--only`. */
  readonly name: string;
  /** One line, for `--help`. */
  readonly about: string;
  /** @throws when it cannot be measured to its end */
  run(context: BenchContext): Promise<readonly Measured[]>;
}

/** A figure of a row, without the row's name. */
export type Measured = Omit<Figure, 'row' | 'note'> & { readonly note?: string };

export interface BenchContext {
  /** Fewer and shorter windows, smaller amounts: shows that it works, and about how much. */
  readonly quick: boolean;
  /** A folder that is removed after the row. */
  readonly dir: string;
  /** Where services leave CPU profiles; undefined: they are not profiled. */
  readonly profiles: string | undefined;
  /** Tells what is done now. */
  readonly step: (text: string) => void;
  /** Learns the version of a server that a row started. */
  readonly uses: (server: 'natsServer' | 'postgres', version: string) => void;
}
