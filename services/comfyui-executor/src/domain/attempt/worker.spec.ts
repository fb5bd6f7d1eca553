import { describe, expect, it } from '@jest/globals';
import { afterQueueLook, isIdle, isTooSilent, runsAgain, type IdleSince, type QueueLook } from './worker.js';

const IDLE_MS = 20_000;
const WAITS: QueueLook = { running: [], pending: ['a', 'b'] };

/** What looks at these moments, in ms, make of it. */
function after(looks: readonly (readonly [number, QueueLook])[]): boolean {
  const since = looks.reduce<IdleSince>((known, [atMs, look]) => afterQueueLook(known, look, atMs, IDLE_MS), null);
  return isIdle(since, IDLE_MS);
}

describe('a worker that takes nothing', () => {
  it('has stopped after three looks ten seconds apart at which the same prompt is next', () => {
    expect(after([0, 2_000, 10_000, 18_000, 20_000].map((atMs) => [atMs, WAITS]))).toBe(true);
  });

  it('has not after fewer looks, or looks that are close together', () => {
    expect(after([0, 20_000].map((atMs) => [atMs, WAITS]))).toBe(false);
    expect(after([0, 2_000, 4_000, 6_000, 8_000].map((atMs) => [atMs, WAITS]))).toBe(false);
  });

  it.each<[string, QueueLook]>([
    ['runs something', { running: ['x'], pending: ['a', 'b'] }],
    ['has nothing waiting', { running: [], pending: [] }],
    ['has another one next', { running: [], pending: ['b'] }],
  ])('has not when at one of them it %s', (_, look) => {
    expect(
      after([
        [0, WAITS],
        [10_000, look],
        [20_000, WAITS],
        [30_000, WAITS],
      ]),
    ).toBe(false);
  });
});

describe('a prompt that runs in silence', () => {
  const limits = { silenceMs: 1_000, unheardMs: 50_000, cancelMs: 1, idleMs: 1, unreadableMs: 1 };
  const NEVER = Number.NEGATIVE_INFINITY;

  it.each([
    ['that could be heard, as others were meanwhile, after twice the time', true, 1_000, 2_000],
    ['that could be heard, when others were only soon after it, after thrice the time', true, 999, 3_000],
    ['when nobody is heard, after thrice the time', true, NEVER, 3_000],
    ['that cannot be heard, after a time of its own alone', false, 1_000, 50_000],
  ])('%s is too silent', (_, isHearable, othersHeardMs, limitMs) => {
    const hearing = { isHearable, heardMs: 0, othersHeardMs };
    expect(isTooSilent(limits, hearing, limitMs)).toBe(false);
    expect(isTooSilent(limits, hearing, limitMs + 1)).toBe(true);
  });
});

describe('a worker that had stopped', () => {
  it('in a prompt works again when that no longer runs, whatever waits', () => {
    expect(runsAgain({ running: ['a'], pending: [] }, 'a', true)).toBe(false);
    expect(runsAgain({ running: [], pending: ['b'] }, 'a', false)).toBe(true);
  });

  it('without a prompt works again when it runs one; an empty queue tells so only of what may be another process', () => {
    expect(runsAgain({ running: ['a'], pending: ['b'] }, null, false)).toBe(true);
    expect(runsAgain(WAITS, null, true)).toBe(false);
    expect(runsAgain({ running: [], pending: [] }, null, true)).toBe(true);
    expect(runsAgain({ running: [], pending: [] }, null, false)).toBe(false);
  });
});
