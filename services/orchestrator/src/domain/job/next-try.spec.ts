import { FAILURE_CLASSES, type FailureClass } from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nextTry, type Candidate, type DeclineReason, type Trial, type TriedWith } from './next-try.js';

const GIB = 1024 ** 3;
const TRIED: TriedWith = {
  variant: 'normal',
  vramGb: 6,
  freeMemory: false,
  lowMemoryVramGb: null,
  maxAttempts: 3,
};
const gpu = (executorId: string, gib: number | null = 8, lost = false): Candidate => ({
  executorId,
  vramBytes: gib === null ? null : gib * GIB,
  lost,
});
/** `a:oom` is an attempt on a that ran out of memory, `a:-missing-node` one that it declined. */
const trials = (...told: readonly `${string}:${FailureClass | `-${DeclineReason}`}`[]): Trial[] =>
  told.map((text, index) => {
    const [executorId = '', how = ''] = text.split(':');
    const declined = how.startsWith('-') ? (how.slice(1) as DeclineReason) : null;
    const trial = { attempt: index + 1, executorId, variant: 'normal' as const, message: text, declined };
    return { ...trial, class: declined === null ? (how as FailureClass) : 'declined' };
  });

describe('an attempt that failed', () => {
  it.each(['transient', 'timeout', 'gpu-fault'] as const)(
    'of class %s is made again, elsewhere if it can be',
    (each) => {
      expect(nextTry(trials(`a:${each}`), TRIED, [gpu('a'), gpu('b')])).toMatchObject({
        kind: 'retry',
        patience: 1,
        avoid: ['a'],
        variant: 'normal',
      });
    },
  );

  it.each(['invalid', 'missing-model', 'missing-node', 'internal'] as const)(
    'of class %s is not made again: it would end the same way',
    (each) => {
      expect(nextTry(trials(`a:${each}`), TRIED, [gpu('a'), gpu('b')])).toEqual({
        kind: 'give-up',
        class: each,
        message: `a:${each}`,
      });
    },
  );

  it('is given up when as many were made as may be; those that were lost or declined do not count', () => {
    const three = trials('a:transient', 'b:executor-lost', 'a:-no-memory', 'b:timeout', 'a:transient');
    expect(nextTry(three, TRIED, [gpu('a'), gpu('b')])).toMatchObject({ kind: 'give-up', class: 'transient' });
    expect(nextTry(three.slice(0, 4), TRIED, [gpu('a'), gpu('b')])).toMatchObject({ kind: 'retry', patience: 2 });
  });
});

describe('a job that ran out of memory', () => {
  const freed = { ...TRIED, freeMemory: true };

  it('is tried again with the memory freed before anything else', () => {
    expect(nextTry(trials('a:oom'), TRIED, [gpu('a'), gpu('b', 24)])).toMatchObject({
      kind: 'retry',
      freeMemory: true,
      variant: 'normal',
      vramGb: 6,
    });
  });

  it('then needs a GPU that is bigger than the one that was too small, where there is one', () => {
    expect(nextTry(trials('a:oom', 'a:oom'), freed, [gpu('a'), gpu('b', 24), gpu('c', 12)])).toMatchObject({
      kind: 'retry',
      variant: 'normal',
      vramGb: (12 * GIB) / 1e9,
    });
  });

  it('else runs in the variant that needs less, and without one it fails with what would help', () => {
    const low = { ...freed, lowMemoryVramGb: 3 };
    const others = [gpu('a'), gpu('b'), gpu('c', 24, true)];
    expect(nextTry(trials('a:oom', 'a:oom'), low, others)).toMatchObject({
      kind: 'retry',
      variant: 'low-memory',
      vramGb: 3,
      freeMemory: true,
    });
    expect(nextTry(trials('a:oom', 'a:oom'), freed, others)).toMatchObject({
      kind: 'give-up',
      class: 'oom',
      message: expect.stringMatching(/no GPU here has more.*no variant that needs less/),
    });
  });
});

describe('a job whose executors are lost', () => {
  it('is taken for the cause after three, on distinct ones as far as there are that many', () => {
    const all = [gpu('a'), gpu('b'), gpu('c')];
    const three = trials('a:executor-lost', 'b:executor-lost', 'c:executor-lost');
    expect(nextTry(three, TRIED, all)).toMatchObject({ kind: 'give-up', class: 'executor-lost' });
    const onTwo = trials('a:executor-lost', 'b:executor-lost', 'a:executor-lost');
    expect(nextTry(onTwo, TRIED, all)).toMatchObject({ kind: 'retry', avoid: ['a', 'b'] });
    expect(nextTry(onTwo, TRIED, [gpu('a', 8, true), gpu('b'), gpu('c', 8, true)])).toMatchObject({ kind: 'give-up' });
  });
});

describe('a job that executors decline', () => {
  it('goes to the others, and fails with the reason when each has declined for good', () => {
    const [one, both] = [trials('a:-missing-node'), trials('a:-missing-node', 'b:-missing-node')];
    expect(nextTry(one, TRIED, [gpu('a'), gpu('b')])).toMatchObject({ kind: 'retry', avoid: ['a'] });
    expect(nextTry(both, TRIED, [gpu('a'), gpu('b'), gpu('c', 8, true)])).toEqual({
      kind: 'give-up',
      class: 'missing-node',
      message: 'b:-missing-node',
    });
  });

  it('runs in the variant that needs less when the memory of all is too little', () => {
    const low = { ...TRIED, lowMemoryVramGb: 3 };
    const declined = trials('a:-too-little-memory');
    expect(nextTry(declined, low, [gpu('a')])).toMatchObject({ kind: 'retry', variant: 'low-memory', vramGb: 3 });
    const again = [...declined, { ...trials('a:-too-little-memory')[0], attempt: 2, variant: 'low-memory' } as Trial];
    expect(nextTry(again, { ...low, variant: 'low-memory' }, [gpu('a')])).toMatchObject({
      kind: 'give-up',
      class: 'oom',
    });
  });

  it('waits, longer each time, for memory that others hold and for servers that run nothing', () => {
    const twice = trials('a:-no-memory', 'a:-worker-stopped');
    expect(nextTry(twice, TRIED, [gpu('a')])).toMatchObject({ kind: 'retry', patience: 2 });
  });
});

describe('whatever has happened to a job', () => {
  const how = fc.constantFrom(
    ...FAILURE_CLASSES,
    ...(['-no-memory', '-too-little-memory', '-missing-node', '-missing-model', '-worker-stopped'] as const),
  );
  const trial = fc.tuple(fc.constantFrom('a', 'b', 'c'), how).map(([on, each]) => `${on}:${each}` as const);

  it('it is not begun more often than it may be, and never again when trying cannot help', () => {
    fc.assert(
      fc.property(
        fc.array(trial, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        (told, maxAttempts) => {
          const happened = trials(...told);
          const next = nextTry(happened, { ...TRIED, maxAttempts }, [gpu('a'), gpu('b'), gpu('c', null)]);
          const begun = happened.filter((each) => each.class !== 'declined' && each.class !== 'executor-lost').length;
          const last = happened.at(-1)?.class ?? 'cancelled';
          const failed = last !== 'declined' && last !== 'executor-lost';
          if (failed && begun >= maxAttempts) expect(next.kind).toBe('give-up');
          if (['invalid', 'internal', 'cancelled', 'missing-node', 'missing-model'].includes(last))
            expect(next.kind).toBe('give-up');
        },
      ),
    );
  });
});
