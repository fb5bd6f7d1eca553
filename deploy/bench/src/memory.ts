import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '@anime/blob-store';

const PROC = '/proc';
/** Its folder is not there any more; it ended while it was read. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH']);

/**
 * Bytes of a process that are its own: private memory and its share of what it shares (Linux `Pss`, proc_pid_smaps(5)).
 * @param proc where the system tells of its processes
 * @returns undefined where the system does not tell
 * @throws Error with the name of the process when its memory cannot be read, or when it is gone
 */
export async function pss(pid: number, proc = PROC): Promise<number | undefined> {
  if (!(await tells(proc))) return undefined;
  const bytes = await pssOf(pid, proc);
  if (bytes === undefined) throw new Error(`process ${pid} has ended: its memory cannot be measured`);
  return bytes;
}

/** A process and all that came from it. */
export async function family(root: number): Promise<readonly number[]> {
  const children = new Map<number, number[]>();
  for (const name of await readdir(PROC).catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`${PROC}/${name}/stat`, 'utf8').catch(() => '');
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [root];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

/**
 * What several processes take together; one that has ended in between takes nothing.
 * @param proc where the system tells of its processes
 * @returns undefined where the system does not tell
 * @throws Error with the name of a process whose memory cannot be read, and when all of them are gone
 */
export async function totalPss(pids: readonly number[], proc = PROC): Promise<number | undefined> {
  if (!(await tells(proc))) return undefined;
  const sizes = (await Promise.all(pids.map((pid) => pssOf(pid, proc)))).filter((size) => size !== undefined);
  if (sizes.length === 0) throw new Error(`none of the processes ${pids.join(', ')} runs any more`);
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Linux ≥ 4.14. */
function tells(proc: string): Promise<boolean> {
  return readFile(path.join(proc, 'self', 'smaps_rollup')).then(
    () => true,
    () => false,
  );
}

/** @returns undefined when the process has ended, or waits to be reaped and has no memory any more */
async function pssOf(pid: number, proc: string): Promise<number | undefined> {
  const folder = path.join(proc, String(pid));
  try {
    const text = await readFile(path.join(folder, 'smaps_rollup'), 'utf8');
    const kb = /^Pss:\s+(\d+) kB/m.exec(text)?.[1];
    if (kb !== undefined) return Number(kb) * 1024;
    if (text === '') return undefined;
    throw new Error('it has no line "Pss"');
  } catch (error) {
    if (GONE.has(errnoOf(error) ?? '')) return undefined;
    const name = await readFile(path.join(folder, 'comm'), 'utf8').catch(() => 'unknown');
    throw new Error(`the memory of process ${pid} (${name.trim()}) cannot be read: ${String(error)}`, { cause: error });
  }
}
