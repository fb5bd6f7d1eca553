import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { family, pss, totalPss } from './memory.js';

/** A `/proc` that says of its processes what a test wants. */
describe('the memory of processes', () => {
  let proc: string;
  beforeEach(async () => {
    proc = await mkdtemp(path.join(tmpdir(), 'anime-proc-'));
    await show('self', 'Rss: 1 kB\nPss:                1 kB\n');
  });
  afterEach(() => rm(proc, { recursive: true, force: true }));

  async function show(pid: number | 'self', rollup: string): Promise<void> {
    await mkdir(path.join(proc, String(pid)));
    await writeFile(path.join(proc, String(pid), 'smaps_rollup'), rollup);
    await writeFile(path.join(proc, String(pid), 'comm'), `program-${pid}\n`);
  }

  it('is the sum of what is their own, and one that has ended in between takes nothing', async () => {
    await show(11, '5600-7ffd ---p 00000000 00:00 0 [rollup]\nRss:    900 kB\nPss:    400 kB\nPss_Dirty:  7 kB\n');
    await show(12, 'Rss:    90 kB\nPss:    100 kB\n');
    await show(13, ''); // ended, and not yet reaped
    expect(await totalPss([11, 12, 13, 14], proc)).toBe(500 * 1024);
    expect(await pss(12, proc)).toBe(100 * 1024);
  });

  it('is refused, with the name of the process, when one cannot be read', async () => {
    await show(11, 'Pss:    400 kB\n');
    await show(12, 'Rss:    400 kB\n');
    await mkdir(path.join(proc, '13', 'smaps_rollup'), { recursive: true });
    await expect(totalPss([11, 12], proc)).rejects.toThrow('process 12 (program-12) cannot be read');
    await expect(totalPss([11, 13], proc)).rejects.toThrow('process 13 (unknown) cannot be read: Error: EISDIR');
  });

  it('is not nothing when all of them have ended', async () => {
    await expect(totalPss([14], proc)).rejects.toThrow('none of the processes 14');
    await expect(pss(14, proc)).rejects.toThrow('process 14 has ended');
  });

  it('is not known where the system does not tell', async () => {
    await rm(path.join(proc, 'self'), { recursive: true });
    expect(await totalPss([14], proc)).toBeUndefined();
    expect(await pss(14, proc)).toBeUndefined();
  });

  it('of this process and a child is more than that of the child', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdout.write("up"); setInterval(() => {}, 1000)']);
    try {
      await once(child.stdout, 'data');
      const pids = await family(process.pid);
      expect(pids).toContain(child.pid);
      const [all, one] = [await totalPss(pids), await pss(child.pid ?? -1)];
      if (all === undefined || one === undefined) return expect(process.platform).not.toBe('linux');
      expect(all).toBeGreaterThan(one);
    } finally {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    }
  });
});
