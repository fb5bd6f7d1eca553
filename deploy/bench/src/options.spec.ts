import { describe, expect, it } from '@jest/globals';
import { help, readOptions } from './options.js';
import type { BenchRow } from './row.js';

const row = (name: string): BenchRow => ({ name, about: `measures ${name}`, run: async () => [] });
const ROWS = [row('append'), row('post'), row('idle')];
const PLACE = { root: '/repo', cwd: '/home', now: new Date('2026-11-21T10:11:12.345Z') };
const read = (...args: string[]) => readOptions(args, ROWS, PLACE);

describe('the options', () => {
  it('measure everything when nothing is said', () => {
    expect(read()).toEqual({
      rows: ROWS,
      quick: false,
      json: '/repo/.anime/bench/2026-11-21T10-11-12.json',
      writeDocs: false,
      profiles: undefined,
    });
  });

  it('choose rows, in the order of the table, and files where the user stands', () => {
    const options = read('--only', 'idle, append', '--quick', '--json', 'out.json', '--profile', 'p');
    expect(options?.rows.map(({ name }) => name)).toEqual(['append', 'idle']);
    expect(options).toMatchObject({ quick: true, json: '/home/out.json', profiles: '/home/p' });
  });

  it.each([
    [['--only', 'append,nonsense'], 'there is no row "nonsense": there are append, post, idle'],
    [['--slow'], "Unknown option '--slow'"],
    [['--only'], 'argument missing'],
    [['--write-docs', '--only', 'post'], 'the whole run'],
    [['--write-docs', '--profile', 'p'], 'the whole run'],
    [['--write-docs', '--quick'], 'the whole run'],
  ])('refuse %j', (args, reason) => expect(() => read(...args)).toThrow(reason));

  it('show a help that names every row and option', () => {
    expect(read('--help', '--only', 'nonsense')).toBeUndefined();
    for (const word of ['append', 'post', 'idle', '--only', '--quick', '--json', '--write-docs', '--profile'])
      expect(help(ROWS)).toContain(word);
  });
});
