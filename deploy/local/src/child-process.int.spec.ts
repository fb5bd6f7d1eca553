import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '@anime/testing';
import { afterAll, describe, expect, it } from '@jest/globals';
import { StackChild, type ChildOptions } from './child-process.js';

const dir = mkdtempSync(path.join(tmpdir(), 'anime-child-'));
const children: StackChild[] = [];
afterAll(async () => {
  await Promise.all(children.map((child) => child.stop()));
  rmSync(dir, { recursive: true, force: true });
});

const READY = `console.log(JSON.stringify({ ready: true, url: 'http://127.0.0.1:1' }));`;

/** A child that runs this program, and what the launcher is told of it. */
function start(program: string, options: Partial<ChildOptions> = {}): { child: StackChild; troubles: string[] } {
  const entry = path.join(dir, `program-${children.length}.mjs`);
  writeFileSync(entry, program);
  const troubles: string[] = [];
  const child = new StackChild({
    name: 'painter',
    entry,
    env: {},
    cwd: dir,
    logFile: path.join(dir, 'painter.log'),
    onUnexpectedExit: () => undefined,
    onTrouble: (message) => troubles.push(message),
    ...options,
  });
  children.push(child);
  return { child, troubles };
}

describe('a process of the stack', () => {
  it('is heard to the end: its last words may come after it has ended', async () => {
    // What it started holds its output, and speaks once it is gone.
    const { child } = start(
      `import { spawn } from 'node:child_process';
      const late = 'while kill -0 ' + process.pid + ' 2>/dev/null; do sleep 0.02; done; echo "out of paint"';
      spawn('sh', ['-c', late], { stdio: 'inherit' }).unref();
      ${READY}
      process.stdout.write('', () => process.exit(3));`,
      { logFile: path.join(dir, 'late.log') },
    );
    expect(await child.lastWords()).toMatch(/painter ended \(exit code 3\)[^]*out of paint$/);
    expect(readFileSync(path.join(dir, 'late.log'), 'utf8')).toMatch(/"ready":true.*\nout of paint\n$/);
  });

  it('whose program is not there has ended with the reason, once', async () => {
    let ends = 0;
    const { child } = start('', { cwd: path.join(dir, 'nowhere'), onUnexpectedExit: () => (ends += 1) });
    await expect(child.url()).rejects.toThrow(/ENOENT/);
    expect(await child.lastWords()).toMatch(/painter ended \(.*ENOENT\)/);
    expect(ends).toBe(1);
  });

  it('runs on with its log on a full disk, which is said once; its last words are kept all the same', async () => {
    const { child, troubles } = start(
      `${READY}
      for (let n = 0; n < 500; n += 1) console.log('stroke ' + n);
      console.log('out of paint');
      process.exitCode = 3;`,
      { logFile: '/dev/full' },
    );
    expect(await child.url()).toBe('http://127.0.0.1:1');
    expect(await child.lastWords()).toMatch(/stroke 499\n {2}out of paint$/);
    expect(troubles).toEqual([
      expect.stringMatching(/^The log of painter \(\/dev\/full\) cannot be written; .*: ENOSPC/),
    ]);
  });

  it('has its log written again as soon as that is possible', async () => {
    const folder = path.join(dir, 'logs');
    const logFile = path.join(folder, 'painter.log');
    const { troubles } = start(`${READY} setInterval(() => console.log('stroke'), 10);`, { logFile });
    await eventually(() => troubles.length === 1, { what: 'the missing folder is told' });
    mkdirSync(folder);
    await eventually(() => existsSync(logFile) && readFileSync(logFile, 'utf8').includes('stroke\n'), {
      what: 'the log is written',
    });
    rmSync(folder, { recursive: true });
    await eventually(() => troubles.length === 2, { what: 'that the folder is missing again is told' });
  });
});
