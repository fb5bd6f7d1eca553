import { FAILURE_CLASSES, type FailureClass } from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nextTry, type Candidate, type DeclineReason, type Trial, type TriedWith } from './next-try.js';

const GIB = 1024 ** 3;
const NOW = '2026-01-01T00:00:00.000Z';
const TRIED: TriedWith = {
  variant: 'normal',
  vramGb: 6,
  gpuBytes: 6e9,
  freeMemory: false,
  lowMemoryVramGb: null,
  maxAttempts: 3,
};
const gpu = (executorId: string, gib: number | null = 8, state: Partial<Candidate> = {}): Candidate => ({
  executorId,
  name: executorId,
  vramBytes: gib === null ? null : gib * GIB,
  lostAt: null,
  paused: false,
  drained: false,
  shortage: null,
  equippedAt: 0,
  ...state,
});
const [LOST, PAUSED, DRAINED] = [{ lostAt: NOW }, { paused: true }, { drained: true }];
const GONE = { lostAt: '2025-12-31T23:00:00.000Z' };
type Told = `${string}:${FailureClass | 'never-begun' | `-${DeclineReason}`}`;
/** `a:oom` is an attempt on a that ran out of memory, `a:-missing-node` one that it declined, `a:never-begun` one that was lost before. */
const trials = (...told: readonly Told[]): Trial[] =>
  told.map((text, index) => {
    const [executorId = '', how = ''] = text.split(':');
    const declined = how.startsWith('-') ? { reason: how.slice(1) as DeclineReason, position: 10 * (index + 1) } : null;
    const started = declined === null && how !== 'never-begun';
    const trial = { attempt: index + 1, executorId, variant: 'normal' as const, message: text, declined, started };
    if (how === 'never-begun') return { ...trial, class: 'executor-lost' };
    return { ...trial, class: declined === null ? (how as FailureClass) : 'declined' };
  });

const follows = (happened: readonly Trial[], tried: TriedWith, executors: readonly Candidate[]) =>
  nextTry(happened, tried, executors, NOW);

describe('an attempt that failed', () => {
  it.each(['transient', 'timeout', 'gpu-fault'] as const)(
    'of class %s is made again, elsewhere if it can be',
    (each) => {
      expect(follows(trials(`a:${each}`), TRIED, [gpu('a'), gpu('b')])).toMatchObject({
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
      expect(follows(trials(`a:${each}`), TRIED, [gpu('a'), gpu('b')])).toEqual({
        kind: 'give-up',
        class: each,
        message: `a:${each}`,
      });
    },
  );

  it('is given up when as many were made as may be; those that were lost or declined do not count', () => {
    const three = trials('a:transient', 'b:executor-lost', 'a:-no-memory', 'b:timeout', 'a:transient');
    expect(follows(three, TRIED, [gpu('a'), gpu('b')])).toMatchObject({ kind: 'give-up', class: 'transient' });
    expect(follows(three.slice(0, 4), TRIED, [gpu('a'), gpu('b')])).toMatchObject({ kind: 'retry', patience: 2 });
  });
});

describe('a job that ran out of memory', () => {
  const freed = { ...TRIED, freeMemory: true };

  it('is tried again with the memory freed before anything else', () => {
    expect(follows(trials('a:oom'), TRIED, [gpu('a'), gpu('b', 24)])).toMatchObject({
      kind: 'retry',
      freeMemory: true,
      variant: 'normal',
      vramGb: 6,
    });
  });

  const often = { ...freed, maxAttempts: 9 };
  const twice = trials('a:oom', 'a:oom');

  it('then needs more than the GPU that was too small has in all, and no more of it free than it needed before', () => {
    expect(follows(twice, often, [gpu('a'), gpu('b', 24), gpu('c', 12)])).toMatchObject({
      kind: 'retry',
      variant: 'normal',
      vramGb: 6,
      gpuBytes: 8 * GIB + 1,
      freeMemory: true,
    });
  });

  it('else runs in the variant that needs less', () => {
    const low = { ...often, lowMemoryVramGb: 3 };
    expect(follows(twice, low, [gpu('a'), gpu('b'), gpu('c', 24, LOST), gpu('d', 24, DRAINED)])).toMatchObject({
      kind: 'retry',
      variant: 'low-memory',
      vramGb: 3,
      gpuBytes: 0,
      freeMemory: true,
    });
    expect(follows(twice, low, [gpu('a'), gpu('c', 24, PAUSED)])).toMatchObject({ variant: 'normal' });
  });

  it('spends its last attempt on the variant that needs less, or without one on the biggest GPU', () => {
    const all = [gpu('a'), gpu('b', 12), gpu('c', 24)];
    const low = { ...freed, lowMemoryVramGb: 3 };
    expect(follows(twice, low, all)).toMatchObject({ variant: 'low-memory', vramGb: 3, gpuBytes: 0 });
    expect(follows(twice, freed, all)).toMatchObject({ variant: 'normal', gpuBytes: 24 * GIB });
    const two = { ...TRIED, maxAttempts: 2 };
    expect(follows(trials('a:oom'), two, all)).toMatchObject({ gpuBytes: 24 * GIB, freeMemory: true });
    expect(follows(trials('a:oom'), two, [gpu('a')])).toMatchObject({ freeMemory: true, gpuBytes: 6e9 });
  });

  it('fails with what would help', () => {
    const failure = (tried: TriedWith, others: readonly Candidate[]): string => {
      const next = follows(trials('a:oom', 'a:oom', 'a:oom'), tried, others);
      return next.kind === 'give-up' && next.class === 'oom' ? next.message : JSON.stringify(next);
    };
    expect(failure(freed, [gpu('a'), gpu('b'), gpu('c', 24, LOST)])).toBe(
      'a:oom. What would help: c (25.8 GB), which is lost, back at work; ' +
        'a variant of its template that needs less; a smaller size, or less at a time',
    );
    expect(failure(freed, [gpu('a'), gpu('b')])).toMatch(
      /help: a GPU with more than 8.6 GB, which none here is known to have; a variant of/,
    );
    expect(failure(often, [gpu('a', null)])).toMatch(/a bigger GPU \(how large this one is was not told\)/);
    expect(failure({ ...TRIED, lowMemoryVramGb: 3, maxAttempts: 1 }, [gpu('a'), gpu('b', 24)])).toMatch(
      /more attempts than 1: it was not tried with the memory freed before, nor on a bigger GPU \(25.8 GB\), nor in the/,
    );
    const low = { ...freed, variant: 'low-memory', lowMemoryVramGb: 3 } as const;
    expect(failure(low, [gpu('a')])).not.toMatch(/variant/);
  });
});

describe('a job whose executors are lost', () => {
  it('is taken for the cause after three, on distinct ones as far as there are that many', () => {
    const all = [gpu('a'), gpu('b'), gpu('c')];
    const three = trials('a:executor-lost', 'b:executor-lost', 'c:executor-lost');
    expect(follows(three, TRIED, all)).toMatchObject({ kind: 'give-up', class: 'executor-lost' });
    const onTwo = trials('a:executor-lost', 'b:executor-lost', 'a:executor-lost');
    expect(follows(onTwo, TRIED, all)).toMatchObject({ kind: 'retry', avoid: ['a', 'b'] });
    expect(follows(onTwo, TRIED, [gpu('a', 8, LOST), gpu('b'), gpu('c', 8, LOST)])).toMatchObject({ kind: 'give-up' });
  });

  it('does not wait for the verdict of one that cannot be given the job', () => {
    const here = trials('a:executor-lost', 'a:executor-lost', 'a:executor-lost');
    const cannot = [gpu('b', 4), gpu('b', 8, PAUSED), gpu('b', 8, DRAINED), gpu('b', 8, LOST)];
    for (const other of cannot) expect(follows(here, TRIED, [gpu('a'), other])).toMatchObject({ kind: 'give-up' });
    const refused = [...trials('b:-missing-node'), ...here];
    expect(follows(refused, TRIED, [gpu('a'), gpu('b')])).toMatchObject({ kind: 'give-up' });
    expect(follows(here, TRIED, [gpu('a'), gpu('b')])).toMatchObject({ kind: 'retry' });
  });
});

describe('a job whose executors are lost by turns', () => {
  it('goes to the one that could give the verdict, though it failed there before', () => {
    const all = [gpu('a'), gpu('b'), gpu('c')];
    const turns = trials('c:transient', 'a:executor-lost', 'b:executor-lost', 'a:executor-lost');
    expect(follows(turns, TRIED, all)).toMatchObject({ kind: 'retry', avoid: ['a', 'b'] });
    expect(follows(turns.slice(0, 2), TRIED, all)).toMatchObject({ kind: 'retry', avoid: ['c', 'a'] });
    const unbegun = trials('c:transient', 'a:never-begun', 'b:never-begun');
    expect(follows(unbegun, TRIED, all)).toMatchObject({ kind: 'retry', avoid: ['a', 'b'] });
    const mixed = trials('c:never-begun', 'a:executor-lost', 'b:executor-lost');
    expect(follows(mixed, TRIED, all)).toMatchObject({ kind: 'retry', avoid: ['a', 'b'] });
  });

  it('is taken for the cause after six, however many others there are', () => {
    const all = [gpu('a'), gpu('b'), gpu('c')];
    const turns = trials('a:executor-lost', 'b:executor-lost', 'a:executor-lost', 'b:executor-lost', 'a:executor-lost');
    expect(follows(turns, TRIED, all)).toMatchObject({ kind: 'retry' });
    expect(follows([...turns, ...trials('b:executor-lost')], TRIED, all)).toEqual({
      kind: 'give-up',
      class: 'executor-lost',
      message: '6 times its executor was lost while it ran (2 of them): it may be the cause',
    });
  });

  it('is not taken for the cause by those that were lost before it began; after ten of them it fails with that', () => {
    const here = [gpu('a'), gpu('b')];
    const never = trials(...Array.from({ length: 9 }, () => 'a:never-begun' as const));
    expect(follows(never.slice(0, 3), TRIED, [gpu('a')])).toMatchObject({ kind: 'retry', patience: 3 });
    expect(follows(never, TRIED, here)).toMatchObject({ kind: 'retry', avoid: ['a'] });
    expect(follows([...never, ...trials('b:never-begun')], TRIED, here)).toEqual({
      kind: 'give-up',
      class: 'executor-lost',
      message: '10 times its executor was lost before it had begun (2 of them); it was never run to its end',
    });
    const twice = trials('a:executor-lost', 'a:never-begun', 'a:executor-lost', 'a:never-begun');
    expect(follows(twice, TRIED, [gpu('a')])).toMatchObject({ kind: 'retry' });
  });
});

describe('a job that executors decline', () => {
  it('goes to the others, and fails with the reason when each has declined for good', () => {
    const [one, both] = [trials('a:-missing-node'), trials('a:-missing-node', 'b:-missing-node')];
    expect(follows(one, TRIED, [gpu('a'), gpu('b')])).toMatchObject({ kind: 'retry', avoid: ['a'] });
    expect(follows(both, TRIED, [gpu('a'), gpu('b'), gpu('c', 8, GONE)])).toEqual({
      kind: 'give-up',
      class: 'missing-node',
      message: 'b:-missing-node',
    });
    expect(follows(both, TRIED, [gpu('a'), gpu('b'), gpu('c', 8, LOST)])).toMatchObject({ kind: 'retry' });
  });

  it('runs in the variant that needs less when the memory of all is too little', () => {
    const low = { ...TRIED, lowMemoryVramGb: 3 };
    const declined = trials('a:-too-little-memory');
    expect(follows(declined, low, [gpu('a')])).toMatchObject({ kind: 'retry', variant: 'low-memory', vramGb: 3 });
    const again = [...declined, { ...trials('a:-too-little-memory')[0], attempt: 2, variant: 'low-memory' } as Trial];
    expect(follows(again, { ...low, variant: 'low-memory' }, [gpu('a')])).toMatchObject({
      kind: 'give-up',
      class: 'oom',
    });
  });

  it('goes back to one where something was installed since it declined', () => {
    const both = trials('a:-missing-model', 'b:-missing-model');
    expect(follows(both, TRIED, [gpu('a', 8, { equippedAt: 9 }), gpu('b')])).toMatchObject({ kind: 'give-up' });
    expect(follows(both, TRIED, [gpu('a', 8, { equippedAt: 15 }), gpu('b')])).toMatchObject({ kind: 'retry' });
  });

  it('asks who is able: one that is too small is no other, and runs the variant that needs less', () => {
    const low = { ...TRIED, vramGb: 12, gpuBytes: 12e9, lowMemoryVramGb: 3 };
    const silent = trials('a:-too-little-memory');
    expect(follows(silent, low, [gpu('a', null), gpu('b')])).toMatchObject({ kind: 'retry', variant: 'low-memory' });
    expect(follows(silent, { ...low, lowMemoryVramGb: null }, [gpu('a', null), gpu('b')])).toMatchObject({
      kind: 'give-up',
      class: 'oom',
    });
    const missing = trials('a:-missing-node');
    expect(follows(missing, low, [gpu('a', 24), gpu('b')])).toMatchObject({ kind: 'retry', variant: 'low-memory' });
    expect(follows(missing, low, [gpu('a', 24)])).toMatchObject({ kind: 'give-up', class: 'missing-node' });
    // One that is paused will be resumed; one that is drained is waited for only when there is no other way.
    expect(follows(silent, low, [gpu('a', null), gpu('b', 24, PAUSED)])).toMatchObject({ variant: 'normal' });
    const drained = [gpu('a', null), gpu('b', 24, DRAINED)];
    expect(follows(silent, low, drained)).toMatchObject({ variant: 'low-memory' });
    expect(follows(silent, { ...low, lowMemoryVramGb: null }, drained)).toMatchObject({ kind: 'retry', avoid: ['a'] });
  });

  it('waits, longer each time, for memory that others hold and for servers that run nothing', () => {
    const twice = trials('a:-no-memory', 'a:-worker-stopped');
    expect(follows(twice, TRIED, [gpu('a')])).toMatchObject({ kind: 'retry', patience: 2 });
  });

  it('is not declined for ever: after fifty times by each of those that declined it for now it fails', () => {
    const often = (times: number) =>
      trials(...Array.from({ length: times }, (_, n) => `${n % 2 === 0 ? 'b' : 'a'}:-no-memory` as const));
    expect(follows(often(99), TRIED, [gpu('a'), gpu('b')])).toMatchObject({ kind: 'retry' });
    expect(follows(often(100), TRIED, [gpu('a'), gpu('b')])).toEqual({
      kind: 'give-up',
      class: 'oom',
      message: 'a:-no-memory. It was declined 100 times, by 2 of them',
    });
  });
});

describe('whatever has happened to a job', () => {
  const how = fc.constantFrom(
    ...FAILURE_CLASSES,
    'never-begun' as const,
    ...(['-no-memory', '-too-little-memory', '-missing-node', '-missing-model', '-worker-stopped'] as const),
  );
  const trial = fc.tuple(fc.constantFrom('a', 'b', 'c'), how).map(([on, each]) => `${on}:${each}` as const);

  it('its executors are lost six times at most while it runs, and ten times before', () => {
    const names = ['a', 'b', 'c', 'd'];
    const ends = ['executor-lost', 'never-begun', 'transient', '-no-memory'] as const;
    // A run has few kinds of ends and of executors that take the job, so that it often is always the same.
    const runs = fc
      .tuple(fc.subarray(names, { minLength: 1 }), fc.subarray([...ends], { minLength: 1 }))
      .chain(([takers, endings]) => {
        const turn = fc.tuple(fc.subarray(takers, { minLength: 1 }), fc.nat(3), fc.constantFrom(...endings));
        return fc.array(turn, { minLength: 40, maxLength: 60 });
      });
    const present = fc.array(fc.subarray(names), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(runs, fc.oneof(fc.constant([]), present), (turns, present) => {
        const told: Told[] = [];
        let avoid: readonly string[] = [];
        for (const [index, [there, pick, ending]] of turns.entries()) {
          const preferred = there.filter((name) => !avoid.includes(name));
          const choice = preferred.length > 0 ? preferred : there;
          told.push(`${choice[pick % choice.length] ?? ''}:${ending}`);
          // Who is there when it is decided may be gone, or back, when it is assigned.
          const all = names.map((name) => gpu(name, 8, present[index]?.includes(name) === false ? LOST : {}));
          const next = follows(trials(...told), { ...TRIED, maxAttempts: 20 }, all);
          if (next.kind === 'give-up') break;
          avoid = next.avoid;
        }
        const count = (end: string) => told.filter((each) => each.endsWith(`:${end}`)).length;
        expect(count('executor-lost')).toBeLessThanOrEqual(6);
        expect(count('never-begun')).toBeLessThanOrEqual(10);
      }),
    );
  });

  it('it is not begun more often than it may be, and never again when trying cannot help', () => {
    fc.assert(
      fc.property(
        fc.array(trial, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        (told, maxAttempts) => {
          const happened = trials(...told);
          const next = follows(happened, { ...TRIED, maxAttempts }, [gpu('a'), gpu('b'), gpu('c', null)]);
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
