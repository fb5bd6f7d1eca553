import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { drift } from './drift.js';
import {
  neededOfDurable,
  neededOfStream,
  OFF_IN_DURABLES,
  OFF_IN_STREAMS,
  streamSettings,
  topology,
} from './settings.js';

const EMPTY = [undefined, null, false, 0, '', [], {}];
const settled = fc.oneof(
  fc.integer({ min: 1 }),
  fc.constant(true),
  fc.string({ minLength: 1 }),
  fc.array(fc.string(), { minLength: 1 }),
  fc.dictionary(fc.string(), fc.string(), { minKeys: 1 }),
);

/** The settings that differ when one is needed as the first and found as the second. */
const differs = (needed: unknown, found: unknown): boolean =>
  drift('it', { setting: needed }, { setting: found, other: 'not asked for' }).length > 0;

describe('a setting', () => {
  it('that is needed is as it should be only with that very value', () => {
    fc.assert(
      fc.property(settled, settled, (needed, found) => {
        expect(differs(needed, needed)).toBe(false);
        expect(differs(needed, found)).toBe(JSON.stringify(needed) !== JSON.stringify(found));
        for (const empty of EMPTY) expect(differs(needed, empty)).toBe(true);
      }),
    );
  });

  it('that must be off may be left out or be empty in any way, and have no value', () => {
    fc.assert(
      fc.property(settled, (found) => {
        for (const off of EMPTY) expect(differs(off, found)).toBe(true);
      }),
    );
    for (const off of EMPTY) for (const found of EMPTY) expect(differs(off, found)).toBe(false);
  });

  it('in another order or number of subjects differs', () => {
    expect(differs(['a', 'b'], ['b', 'a'])).toBe(true);
    expect(differs(['a'], ['a', 'b'])).toBe(true);
  });

  it('that differs is named with both values, times in seconds', () => {
    const needed = { ack_wait: 30e9, filter_subject: '', mirror: null, name: 'a', durable_name: 'a', description: 'a' };
    const found = { ack_wait: 5e9, mirror: { name: 'X' }, name: 'b', durable_name: 'b', description: 'b' };
    expect(drift('durable d', needed, found)).toEqual([
      { path: 'durable d/ack_wait', message: 'durable d: ack_wait is 5 s, needed is 30 s' },
      { path: 'durable d/mirror', message: 'durable d: mirror is {"name":"X"}, needed is not set' },
    ]);
  });
});

describe('what must be off', () => {
  const [stream] = streamSettings(topology());
  if (stream === undefined) throw new Error('there are no settings for the stream');

  it.each(Object.keys(OFF_IN_STREAMS))('in a stream: %s', (setting) => {
    const needed = neededOfStream(stream);
    expect(drift('it', needed, stream)).toEqual([]);
    expect(drift('it', needed, { ...stream, [setting]: { on: true } })).toMatchObject([{ path: `it/${setting}` }]);
  });

  it.each(Object.keys(OFF_IN_DURABLES))('in a durable: %s', (setting) => {
    const needed = neededOfDurable({ durable_name: 'd', ack_policy: 'explicit' });
    const found = { ack_policy: 'explicit', deliver_policy: 'new', opt_start_seq: 7 };
    expect(drift('it', needed, found)).toEqual([]);
    expect(drift('it', needed, { ...found, [setting]: { on: true } })).toMatchObject([{ path: `it/${setting}` }]);
  });
});
