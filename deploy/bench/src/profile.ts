import { readdir, readFile } from 'node:fs/promises';
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

const NOTHING = new Set(['(idle)', '(program)', '(root)']);

/** Where a process spent its time, functions by their own time, most first. */
export function topFrames({ nodes, samples, timeDeltas }: CpuProfile, count: number): readonly Frame[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const spent = new Map<string, number>();
  let busy = 0;
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
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
export async function describeProfiles(folder: string, count = 12): Promise<string> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile')).toSorted();
  const parts = await Promise.all(
    files.map(async (name) => {
      const profile = CpuProfile.parse(JSON.parse(await readFile(path.join(folder, name), 'utf8')));
      const lines = topFrames(profile, count).map(
        ({ where, share }) => `  ${(share * 100).toFixed(1).padStart(5)} %  ${where}`,
      );
      return [name, ...lines].join('\n');
    }),
  );
  return parts.join('\n');
}
