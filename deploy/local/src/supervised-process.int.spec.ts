import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '@anime/testing';
import { afterAll, describe, expect, it } from '@jest/globals';
import { SupervisedProcess } from './supervised-process.js';

const dir = mkdtempSync(path.join(tmpdir(), 'anime-supervised-'));
const supervised: SupervisedProcess[] = [];
afterAll(async () => {
  await Promise.all(supervised.map((each) => each.stop()));
  rmSync(dir, { recursive: true, force: true });
});

/** A process that notes each start, says that it listens, and then does this; what is told of it. */
function supervise(name: string, then: string, giveUp = true) {
  const [entry, starts] = [path.join(dir, `${name}.mjs`), path.join(dir, `${name}.starts`)];
  writeFileSync(
    entry,
    `import { appendFileSync, readFileSync } from 'node:fs';
    appendFileSync(${JSON.stringify(starts)}, process.argv[2] + '\\n');
    const nth = readFileSync(${JSON.stringify(starts)}, 'utf8').split('\\n').length - 1;
    console.log(JSON.stringify({ ready: true, url: 'http://127.0.0.1:4711' }));
    ${then}`,
  );
  const troubles: string[] = [];
  const ended: Error[] = [];
  const each = new SupervisedProcess({
    optionsFor: (port = 'its own') => ({
      name,
      entry,
      args: [port],
      env: {},
      cwd: dir,
      logFile: path.join(dir, `${name}.log`),
      onTrouble: (message) => troubles.push(message),
    }),
    firstPort: undefined,
    giveUp: (error) => {
      ended.push(error);
      return giveUp;
    },
  });
  supervised.push(each);
  const portsOfStarts = (): string[] => readFileSync(starts, 'utf8').trim().split('\n');
  return { each, troubles, ended, portsOfStarts };
}

describe('a process that is supervised', () => {
  it('and crashes is started again on its port', async () => {
    const { each, troubles, ended, portsOfStarts } = supervise(
      'painter',
      `if (nth === 1) process.exitCode = 3; else setInterval(() => undefined, 1_000);`,
    );
    expect(await each.firstUrl()).toBe('http://127.0.0.1:4711');
    await eventually(() => portsOfStarts().length === 2, { what: 'it is started again' });
    expect(portsOfStarts()).toEqual(['its own', '4711']);
    expect(troubles).toEqual([expect.stringContaining('painter ended (exit code 3); starting it again')]);
    expect(ended).toEqual([]);
  });

  it('and ends as its configuration cannot work is given up with its last words, also when it has run before', async () => {
    const { each, troubles, ended, portsOfStarts } = supervise(
      'gilder',
      `if (nth === 1) process.exit(3);
      console.error('GOLD: there is none');
      process.exitCode = 78;`,
    );
    await each.firstUrl();
    const [error] = await eventually(() => ended.length > 0 && ended, { what: 'it is given up' });
    expect(error?.message).toMatch(/^gilder ended \(exit code 78\)[^]*GOLD: there is none$/);
    expect(troubles).toEqual([expect.stringContaining('gilder ended (exit code 3)')]);
    expect(portsOfStarts()).toHaveLength(2);
  });

  it('and ends as its configuration cannot work is started again, but later, while the rest of the studio goes on', async () => {
    const { troubles, portsOfStarts } = supervise(
      'binder',
      `if (nth > 1) setInterval(() => undefined, 1_000);
      else { console.error('GLUE: there is none'); process.exitCode = 78; }`,
      false,
    );
    await eventually(() => troubles.length > 0, { what: 'its end is told' });
    expect(troubles).toEqual([expect.stringMatching(/^binder ended \(exit code 78\)[^]*GLUE: there is none$/)]);
    await eventually(() => portsOfStarts().length === 2, { what: 'it is started again' });
  });
});
