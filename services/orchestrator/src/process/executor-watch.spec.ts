import { describe, expect, it } from '@jest/globals';
import { ExecutorWatch } from './executor-watch.js';

describe('the silence of an executor', () => {
  it('is counted from its last heartbeat, or from the first look when there was none', () => {
    let now = 0;
    const watch = new ExecutorWatch(() => now);
    expect(watch.observe('a')).toBeUndefined();
    watch.look(true);
    expect(watch.observe('a')).toEqual({ silentMs: 0, heardMsAgo: undefined });
    watch.onHeartbeat('b');
    now = 4_000;
    watch.look(true);
    expect(watch.observe('a')).toEqual({ silentMs: 4_000, heardMsAgo: undefined });
    // Nobody asked for b before: its silence begins now, but the age of its heartbeat is what it is.
    expect(watch.observe('b')).toEqual({ silentMs: 0, heardMsAgo: 4_000 });
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
    expect(watch.observe('a')).toEqual({ silentMs: 0, heardMsAgo: undefined });
    watch.look(false);
    expect(watch.observe('a')).toBeUndefined();
  });
});
