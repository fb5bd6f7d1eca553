import { describe, expect, it } from '@jest/globals';
import { JobCancelRequestedV2, JobStartedV2 } from '@anime/contracts';
import fc from 'fast-check';
import { cancelRequested, started } from './conformance/samples.js';
import { counterDecider } from './counter-decider.js';
import { given } from './given.js';
import { swapProperty } from './swap-property.js';

describe('given, when, then', () => {
  it('passes for the event, the nothing and the refusal that the decider answers', () => {
    const cancels = [cancelRequested(), cancelRequested(), cancelRequested()];
    expect(
      given(counterDecider, [started(2)])
        .when({ type: 'cancel' })
        .then(JobCancelRequestedV2, { reason: null }),
    ).toEqual({ cancels: 1, attempts: [2] });
    given(counterDecider, cancels).when({ type: 'cancel-if-none' }).thenNothing();
    given(counterDecider, cancels).when({ type: 'cancel' }).thenRefused('job-ended');
  });

  it('fails for any other answer', () => {
    const outcome = given(counterDecider, []).when({ type: 'cancel' });
    expect(() => outcome.thenNothing()).toThrow();
    expect(() => outcome.thenRefused('job-ended')).toThrow();
    expect(() => outcome.then(JobStartedV2, started(1).data)).toThrow();
    expect(() =>
      given(
        counterDecider,
        Array.from({ length: 3 }, () => cancelRequested()),
      )
        .when({ type: 'cancel' })
        .thenRefused('not-found'),
    ).toThrow();
  });

  it('fails when decide or evolve is not pure', () => {
    let calls = 0;
    const moody = {
      ...counterDecider,
      decide: () =>
        calls++ % 2 === 0 ? { kind: 'nothing' as const } : { kind: 'refused' as const, code: 'x', message: '' },
    };
    expect(() => given(moody, []).when({ type: 'cancel' })).toThrow('two answers');
    const initial: { count: number } = { count: 0 };
    const mutating = {
      foldVersion: 1,
      initial,
      decide: () => ({ kind: 'nothing' as const }),
      evolve: (state: { count: number }) => {
        state.count += 1;
        return state;
      },
    };
    expect(() => given(mutating, [cancelRequested()])).toThrow('evolve changed the state');
  });
});

describe('swapProperty', () => {
  const attempt = fc.integer({ min: 1, max: 3 }).map((n) => started(n));
  const any = fc.oneof(
    attempt,
    fc.constant(0).map(() => cancelRequested()),
  );
  const options = { history: fc.array(any, { maxLength: 4 }), pair: fc.tuple(any, any) };

  it('passes for a fold that is right in either order', () => {
    swapProperty(counterDecider, options);
  });

  it('finds two events whose order changes the state', () => {
    const lastWins = {
      ...counterDecider,
      initial: '',
      evolve: (_: string, event: { readonly type: string }) => event.type,
    };
    expect(() => swapProperty({ ...lastWins, decide: () => ({ kind: 'nothing' }) }, options)).toThrow(
      /Property failed/,
    );
    swapProperty(
      { ...lastWins, decide: () => ({ kind: 'nothing' }) },
      { ...options, view: (state) => state.length > 0 },
    );
  });
});
