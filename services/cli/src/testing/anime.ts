import { run } from '../run.js';

/** How a command line ended. */
export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line in this process. */
export async function anime(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  let out = '';
  let err = '';
  const code = await run(args, { env, out: (text) => (out += text), err: (text) => (err += text) });
  return { code, out, err };
}
