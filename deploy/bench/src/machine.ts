import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { promisify } from 'node:util';
import { z } from 'zod';

/** What the figures depend on. No name of a host and no address. */
export const Machine = z.strictObject({
  cpu: z.string(),
  cores: z.int(),
  memoryGiB: z.number(),
  os: z.string(),
  node: z.string(),
  /** Null when no row needed that server. */
  natsServer: z.string().nullable(),
  postgres: z.string().nullable(),
});
export type Machine = z.infer<typeof Machine>;

/** The machine this runs on; servers say their versions when they are started. */
export async function describeMachine(): Promise<Omit<Machine, 'natsServer' | 'postgres'>> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? os.type();
  return {
    cpu: os.cpus()[0]?.model ?? os.arch(),
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    os: `${name}, ${os.type()} ${os.release().split('-', 1)[0]} ${os.arch()}`,
    node: process.version,
  };
}

/** Short id of the commit; `+` behind it: with changes that are not in it. Null without git. */
export async function describeCommit(root: string): Promise<string | null> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', args, { cwd: root })).stdout.trim();
  try {
    const changed = await git('status', '--porcelain', '--', ':!docs/benchmarks.md');
    return `${await git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '+'}`;
  } catch {
    return null;
  }
}
