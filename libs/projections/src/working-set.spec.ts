import { describe, expect, it } from '@jest/globals';
import { LINES, TALLIES, jobId, type TallyRow } from './test-support/tally.js';
import { WorkingSet } from './working-set.js';

const id = jobId(1);
const row = (count: number): TallyRow => ({ id, count, last: 'job.requested', share: null, words: [] });

function withoutRow(): WorkingSet {
  const set = new WorkingSet([TALLIES, LINES]);
  set.loaded(TALLIES, [{ id }], []);
  return set;
}

describe('WorkingSet', () => {
  it('keeps one version for each event that changed a row, though the row is written once', () => {
    const set = withoutRow();
    set.change({ table: TALLIES, put: row(1) }, 10);
    set.change({ table: TALLIES, put: row(2) }, 11);
    set.change({ table: TALLIES, put: { ...row(2) } }, 12);
    set.change({ table: TALLIES, put: row(3) }, 15);
    const [changes] = set.changes();
    expect(changes?.inserts).toEqual([{ ...row(3), position: 15 }]);
    expect(changes?.puts).toEqual([]);
    expect(changes?.versions.map(({ values, from, to }) => [values['count'], from, to])).toEqual([
      [1, 10, 11],
      [2, 11, 15],
      [3, 15, null],
    ]);
    expect(changes?.closed).toEqual([]);
  });

  it('ends the version that stood in the database where the batch first changes the row', () => {
    const set = new WorkingSet([TALLIES]);
    set.loaded(TALLIES, [{ id }], [{ ...row(1), position: 4 }]);
    set.change({ table: TALLIES, put: row(2) }, 20);
    set.change({ table: TALLIES, put: row(3) }, 21);
    expect(set.changes()[0]?.closed).toEqual([{ id, from_position: 4, to_position: 20 }]);
  });

  it('ends the last version of a row that is taken away, and begins another when it comes back', () => {
    const set = new WorkingSet([TALLIES]);
    set.loaded(TALLIES, [{ id }], [{ ...row(1), position: 4 }]);
    set.change({ table: TALLIES, remove: { id } }, 20);
    expect(set.get(TALLIES, { id })).toBeUndefined();
    expect(set.changes()[0]).toMatchObject({
      puts: [],
      removes: [{ id }],
      closed: [{ to_position: 20 }],
      versions: [],
    });
    set.change({ table: TALLIES, put: row(1) }, 30);
    expect(set.changes()[0]).toMatchObject({
      removes: [],
      closed: [{ to_position: 20 }],
      versions: [{ from: 30, to: null }],
    });
  });

  it('does not touch a row that an event leaves as it is', () => {
    const set = new WorkingSet([TALLIES]);
    set.loaded(TALLIES, [{ id }], [{ ...row(1), position: 4 }]);
    set.change({ table: TALLIES, put: row(1) }, 20);
    expect(set.changes()).toEqual([]);
  });

  it('refuses to read or to version a row that load did not name', () => {
    const set = new WorkingSet([TALLIES, LINES]);
    expect(() => set.get(TALLIES, { id })).toThrow('without having named it in load');
    expect(() => set.change({ table: TALLIES, put: row(1) }, 1)).toThrow('without having named it in load');
    set.change({ table: LINES, put: { position: 1, text: 'rows without history need no loading' } }, 1);
  });
});
