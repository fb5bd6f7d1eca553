import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  EXECUTOR,
  NOW,
  started,
  executed,
  attemptFailed,
  scored,
  organised,
  cancelRequested,
  retryRequested,
  apply,
  assign,
  assignAt,
  queued,
  assigned,
} from '../../testing/job-events.js';
import { decideJob } from './job.decide.js';
import { evolveJob } from './job.evolve.js';
import { stageOf } from './job.state.js';
import { nextStep } from './next-step.js';
import { retryDelayMs } from './retry-policy.js';

describe('a job', () => {
  it('goes the whole way to completed', () => {
    let job = assigned();
    expect(stageOf(job)).toBe('assigned');
    job = [started(1), executed(1), organised(1), scored(1)].reduce(evolveJob, job);
    expect(nextStep(job, NOW, 1000, false)).toEqual({ kind: 'gate', scorerAbsent: false });
    job = apply(job, { kind: 'GateOutputs', scorerAbsent: false });
    expect(nextStep(job, NOW, 1000, false)).toEqual({ kind: 'complete' });
    job = apply(job, { kind: 'CompleteJob' });
    expect(stageOf(job)).toBe('ended');
    expect(job.end).toBe('completed');
  });

  it('is not completed before its files lie in the library', () => {
    const job = apply([executed(1), scored(1)].reduce(evolveJob, assigned()), {
      kind: 'GateOutputs',
      scorerAbsent: false,
    });
    expect(decideJob({ kind: 'CompleteJob' }, job)).toEqual({ kind: 'nothing' });
    expect(nextStep(job, NOW, 1000, false).kind).toBe('wait');
  });

  it('is gated without figures when the scorer stays away past its limit, and says so', () => {
    const job = [executed(1), organised(1)].reduce(evolveJob, assigned());
    expect(nextStep(job, NOW, 1000, false)).toEqual({ kind: 'wait', until: '2026-01-01T00:00:01.000Z' });
    expect(nextStep(job, '2026-01-01T00:00:01.000Z', 1000, false)).toEqual({ kind: 'gate', scorerAbsent: true });
    expect(decideJob({ kind: 'GateOutputs', scorerAbsent: true }, job)).toMatchObject({
      data: { scorerBuild: null, reason: 'scorer absent', verdict: 'passed', rule: { id: 'none' } },
    });
  });

  it('tries again after a transient failure, with a new attempt and not before its time', () => {
    let job = evolveJob(assigned(), attemptFailed(1, 'transient'));
    job = apply(job, { kind: 'SettleFailure', now: NOW, chance: 0.5, gpuBytes: 0, candidates: [] });
    expect(job.retry).toMatchObject({ attempt: 2, notBefore: '2026-01-01T00:00:00.750Z', avoid: [EXECUTOR] });
    expect(nextStep(job, NOW, 1000, false)).toEqual({ kind: 'wait', until: '2026-01-01T00:00:00.750Z' });
    expect(decideJob(assign, job)).toEqual({ kind: 'nothing' });
    expect(decideJob(assignAt('2026-01-01T00:00:00.750Z'), job)).toMatchObject({ data: { attempt: 2 } });
  });

  it('fails after the last permitted attempt, and at once when a retry cannot help', () => {
    const hopeless = evolveJob(assigned(), attemptFailed(1, 'invalid'));
    expect(
      decideJob({ kind: 'SettleFailure', now: NOW, chance: 0, gpuBytes: 0, candidates: [] }, hopeless),
    ).toMatchObject({
      contract: { type: 'job.failed' },
      data: { class: 'invalid', attempts: 1 },
    });
    const last = evolveJob(
      { ...assigned(), accepted: { maxAttempts: 1, vramGb: { normal: 4 } } },
      attemptFailed(1, 'transient'),
    );
    expect(decideJob({ kind: 'SettleFailure', now: NOW, chance: 0, gpuBytes: 0, candidates: [] }, last)).toMatchObject({
      contract: { type: 'job.failed' },
    });
  });

  it('ignores facts of an attempt that is no longer current', () => {
    let job = evolveJob(assigned(), attemptFailed(1, 'transient'));
    job = apply(job, { kind: 'SettleFailure', now: NOW, chance: 0, gpuBytes: 0, candidates: [] });
    job = apply(job, assignAt('2026-01-01T00:01:00.000Z'));
    job = evolveJob(job, executed(1));
    expect(stageOf(job)).toBe('assigned');
  });
});

describe('a cancel', () => {
  it('ends a queued job at once', () => {
    const job = evolveJob(queued(), cancelRequested());
    expect(nextStep(job, NOW, 1000, false)).toEqual({ kind: 'cancel' });
    expect(decideJob(assign, job)).toEqual({ kind: 'nothing' });
    expect(apply(job, { kind: 'CancelJob' }).end).toBe('cancelled');
  });

  it('is ordered once from the executor, and ends when that answers', () => {
    let job = evolveJob(assigned(), cancelRequested());
    expect(nextStep(job, NOW, 1000, false)).toEqual({ kind: 'order-cancel' });
    expect(decideJob({ kind: 'CancelJob' }, job)).toEqual({ kind: 'nothing' });
    job = apply(job, { kind: 'OrderCancel' });
    expect(nextStep(job, NOW, 1000, false).kind).toBe('wait');
    job = evolveJob(job, attemptFailed(1, 'cancelled'));
    expect(nextStep(job, NOW, 1000, false)).toEqual({ kind: 'cancel' });
    expect(apply(job, { kind: 'CancelJob' }).end).toBe('cancelled');
  });

  it('after executed still ends in cancelled', () => {
    const job = [executed(1), scored(1), organised(1), cancelRequested()].reduce(evolveJob, assigned());
    expect(apply(job, { kind: 'CancelJob' }).end).toBe('cancelled');
    expect(decideJob({ kind: 'GateOutputs', scorerAbsent: false }, { ...job, end: 'cancelled' })).toEqual({
      kind: 'nothing',
    });
  });
});

describe('a failed job that is wanted again', () => {
  const failed = () =>
    apply(
      evolveJob({ ...assigned(), accepted: { maxAttempts: 1, vramGb: { normal: 4 } } }, attemptFailed(1, 'transient')),
      {
        kind: 'SettleFailure',
        now: NOW,
        chance: 0,
        gpuBytes: 0,
        candidates: [],
      },
    );

  it('is queued with the next attempt, and may be tried as often as at first', () => {
    expect(failed().end).toBe('failed');
    let job = evolveJob(failed(), retryRequested());
    expect([stageOf(job), job.end]).toEqual(['queued', undefined]);
    job = apply(job, assignAt(NOW));
    expect(job.assignment).toMatchObject({ attempt: 2, variant: 'normal', freeMemory: false });
    job = evolveJob(job, attemptFailed(2, 'transient'));
    expect(apply(job, { kind: 'SettleFailure', now: NOW, chance: 0, gpuBytes: 0, candidates: [] }).end).toBe('failed');
  });

  it('is not cancelled by a wish that came after its end, but by one that comes now', () => {
    const job = evolveJob(evolveJob(failed(), cancelRequested()), retryRequested());
    expect(nextStep(job, NOW, 1000, false)).toEqual({ kind: 'queue' });
    expect(apply(evolveJob(job, cancelRequested()), { kind: 'CancelJob' }).end).toBe('cancelled');
  });

  it('changes nothing for a job that has not failed', () => {
    for (const job of [queued(), assigned(), { ...assigned(), end: 'completed' as const }])
      expect(evolveJob(job, retryRequested())).toEqual(job);
  });
});

describe('evolve', () => {
  const facts = () => [
    started(1),
    executed(1),
    attemptFailed(1, 'transient'),
    scored(1),
    organised(1),
    cancelRequested(),
  ];
  it('is not changed by a repeated event', () => {
    for (const fact of facts()) {
      const once = evolveJob(assigned(), fact);
      expect(evolveJob(once, fact)).toEqual(once);
    }
  });

  it('keeps the first of two different facts of one kind and attempt', () => {
    const first = evolveJob(assigned(), attemptFailed(1, 'invalid'));
    expect(evolveJob(first, attemptFailed(1, 'transient'))).toEqual(first);
  });
});

describe('the back-off', () => {
  it('grows, stays within its bounds and is spread by chance', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, chance) => {
          const delay = retryDelayMs(attempt, chance);
          const full = Math.min(60_000, 1000 * 2 ** (attempt - 1));
          expect(delay).toBeGreaterThanOrEqual(full / 2);
          expect(delay).toBeLessThanOrEqual(full);
        },
      ),
    );
  });
});
