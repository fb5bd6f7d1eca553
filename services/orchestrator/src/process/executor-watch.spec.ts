import { describe, expect, it } from '@jest/globals';
import { ExecutorWatch } from './executor-watch.js';

describe('the silence of an executor', () => {
  it('is counted from its last heartbeat, or from the first look when there was none', () => {
    let now = 0;
    const watch = new ExecutorWatch(() => now);
    expect(watch.observe('a')).toBeUndefined();
    watch.look(true);
    expect(watch.observe('a')).toEqual({ silentMs: 0, heardMsAgo: undefined, unreachableMs: undefined });
    watch.onHeartbeat('b');
    now = 4_000;
    watch.look(true);
    expect(watch.observe('a')).toEqual({ silentMs: 4_000, heardMsAgo: undefined, unreachableMs: undefined });
    // Nobody asked for b before: its silence begins now, but the age of its heartbeat is what it is.
    expect(watch.observe('b')).toEqual({ silentMs: 0, heardMsAgo: 4_000, unreachableMs: undefined });
  });

  it('does not count while the process stood still or was cut off, and nothing is said of it until the next look', () => {
    let now = 0;
    const watch = new ExecutorWatch(() => now);
    watch.look(true);
    watch.observe('a');
    watch.onHeartbeat('a');
    now = 40_000;
    expect(watch.observe('a')).toBeUndefined();
    watch.look(true);
    expect(watch.observe('a')).toEqual({ silentMs: 0, heardMsAgo: undefined, unreachableMs: undefined });
    watch.look(false);
    expect(watch.observe('a')).toBeUndefined();
  });

  it('tells for how long all that is heard is that the server does not answer', () => {
    let now = 0;
    const watch = new ExecutorWatch(() => now);
    watch.look(true);
    const unreachableAfter = (ms: number, reachable?: boolean): number | undefined => {
      now += ms;
      watch.look(true);
      watch.onHeartbeat('a', reachable);
      return watch.observe('a')?.unreachableMs;
    };
    expect([unreachableAfter(0, true), unreachableAfter(2_000, false), unreachableAfter(3_000, false)]).toEqual([
      undefined,
      0,
      3_000,
    ]);
    // A heartbeat that does not tell is only a sign of life.
    expect([unreachableAfter(1_000), unreachableAfter(1_000, false)]).toEqual([undefined, 0]);
    now += 60_000;
    watch.look(true);
    expect(watch.observe('a')).toMatchObject({ unreachableMs: undefined });
  });
});
