import { readdir, readFile } from 'node:fs/promises';

/** Bytes of a process that is its own: private memory and its share of what it shares (Linux `Pss`, proc(5)). Undefined elsewhere, or when it is gone. */
export async function pss(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const kb = /^Pss:\s+(\d+) kB/m.exec(text)?.[1];
  return kb === undefined ? undefined : Number(kb) * 1024;
}

/** A process and all that came from it. */
export async function family(root: number): Promise<readonly number[]> {
  const children = new Map<number, number[]>();
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [root];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

/** What several processes take together; undefined where the system does not tell. */
export async function totalPss(pids: readonly number[]): Promise<number | undefined> {
  const sizes = (await Promise.all(pids.map((pid) => pss(pid)))).filter((size) => size !== undefined);
  return sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size, 0);
}
