import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** What is used of a V8 CPU profile (`.cpuprofile`, Chrome DevTools Protocol, `Profiler.Profile`). */
const CpuProfile = z.object({
  nodes: z.array(
    z.object({
      id: z.int(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.int() }),
    }),
  ),
  samples: z.array(z.int()),
  /** Microseconds since the sample before. */
  timeDeltas: z.array(z.number()),
});
export type CpuProfile = z.infer<typeof CpuProfile>;

export interface Frame {
  readonly where: string;
  /** Of the time in which the process did anything. */
  readonly share: number;
}

const PROFILE = '.cpuprofile';
const STARTED = '.started';

const NOTHING = new Set(['(idle)', '(program)', '(root)']);

/** A file for the profile of a process; one that is started twice gets two. */
export async function newProfile(folder: string, name: string): Promise<string> {
  const before = (await readdir(folder)).filter((file) => file.startsWith(`${name}.`) && file.endsWith(STARTED));
  return path.join(folder, `${name}.${before.length + 1}${PROFILE}`);
}

/** Options of Node that leave a profile in this file when the process ends by itself or by SIGTERM. */
export function profileArgs(file: string): readonly string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${path.dirname(file)}`, `--cpu-prof-name=${path.basename(file)}`];
}

/** Remembers how long the process took to start, which is not what is measured. */
export async function noteStart(file: string, ms: number): Promise<void> {
  await writeFile(file.replace(PROFILE, STARTED), String(ms));
}

/**
 * Where a process spent its time, functions by their own time, most first.
 * @param startMs what it did before that does not count
 */
export function topFrames({ nodes, samples, timeDeltas }: CpuProfile, count: number, startMs = 0): readonly Frame[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const spent = new Map<string, number>();
  let busy = 0;
  let elapsed = 0;
  for (const [index, id] of samples.entries()) {
    elapsed += timeDeltas[index] ?? 0;
    const frame = frames.get(id);
    if (elapsed < startMs * 1_000) continue;
    if (frame === undefined || NOTHING.has(frame.functionName)) continue;
    const where = placeOf(frame);
    const time = timeDeltas[index] ?? 0;
    busy += time;
    spent.set(where, (spent.get(where) ?? 0) + time);
  }
  const sorted = [...spent].toSorted(([, a], [, b]) => b - a).slice(0, count);
  return sorted.map(([where, time]) => ({ where, share: time / busy }));
}

function placeOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url.replace(/^.*\/node_modules\//, '').replace(/^.*\/(libs|services|contracts)\//, '$1/');
  return `${functionName === '' ? '(anonymous)' : functionName}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`;
}

/** The top frames of every profile in a folder, as text. */
export async function describeProfiles(folder: string, count = 15): Promise<string> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(PROFILE)).toSorted();
  const parts = await Promise.all(
    files.map(async (name) => {
      const file = path.join(folder, name);
      const profile = CpuProfile.parse(JSON.parse(await readFile(file, 'utf8')));
      const started = await readFile(file.replace(PROFILE, STARTED), 'utf8').catch(() => '0');
      const lines = topFrames(profile, count, Number(started)).map(
        ({ where, share }) => `  ${(share * 100).toFixed(1).padStart(5)} %  ${where}`,
      );
      return [name, ...lines].join('\n');
    }),
  );
  return parts.join('\n');
}
