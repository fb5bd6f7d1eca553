import { JobAttemptFailedV1, JobExecutedV1 } from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SAMPLE_GRAPH, SAMPLE_MANIFEST, SHA } from '../../testing/sample-template.js';
import { decideJob, type JobCommand } from './job.decide.js';
import { evolveJob } from './job.evolve.js';
import { NO_JOB, stageOf, type JobEvent, type JobState } from './job.state.js';
import { nextStep } from './next-step.js';
import { retryDelayMs } from './retry-policy.js';

const JOB = '018f0000-0000-7000-8000-000000000001';
const EXECUTOR = '018f0000-0000-7000-8000-000000000002';
const PROMPT = '018f0000-0000-7000-8000-000000000003';
const NOW = '2026-01-01T00:00:00.000Z';
const OUTPUT = {
  node: '7',
  index: 0,
  kind: 'image' as const,
  role: 'final',
  blob: SHA,
  size: 10,
  mediaType: 'image/png',
  filename: 'a.png',
};
const ACCEPT: JobCommand = {
  kind: 'AcceptJob',
  compiled: { manifest: SAMPLE_MANIFEST, graph: SAMPLE_GRAPH, graphHash: SHA },
  maxAttempts: 3,
};

let position = 0;
function event<T extends JobEvent['type']>(type: T, data: Extract<JobEvent, { type: T }>['data']): JobEvent {
  position += 1;
  return {
    type,
    storedName: `${type}.v1`,
    aggregate: 'job',
    aggregateId: JOB,
    producer: 'orchestrator',
    position,
    id: `018f0000-0000-7000-8000-${String(position).padStart(12, '0')}`,
    time: NOW,
    correlationId: JOB,
    actor: 'service:orchestrator',
    data,
  } as JobEvent;
}
const requested = () =>
  event('job.requested', {
    type: 'image',
    template: { id: 'text-to-image', version: 1 },
    parameters: { prompt: 'x' },
    seed: 1,
    seedSource: 'given',
    project: null,
  });
const started = (attempt: number) =>
  event('job.started', { attempt, executorId: EXECUTOR, promptId: PROMPT, claim: PROMPT });
const executed = (attempt: number) =>
  event('job.executed', {
    attempt,
    executorId: EXECUTOR,
    promptId: PROMPT,
    variant: 'normal',
    graphHash: SHA,
    cached: false,
    outputs: [OUTPUT],
    executionMs: 5,
  });
const attemptFailed = (attempt: number, failureClass: 'transient' | 'invalid' | 'cancelled') =>
  event('job.attempt-failed', {
    attempt,
    executorId: EXECUTOR,
    promptId: PROMPT,
    class: failureClass,
    reason: 'vanished',
    message: 'gone',
    evidence: {},
  });
const scored = (attempt: number) =>
  event('job.scored', {
    attempt,
    scorerBuild: 'build-1',
    outputs: [
      {
        node: '7',
        index: 0,
        blob: SHA,
        metrics: [{ status: 'unavailable', id: 'sharpness', version: '1', reason: 'test' }],
      },
    ],
  });
const organised = (attempt: number) =>
  event('job.organised', {
    attempt,
    files: [{ role: 'output', path: 'a.png', sha256: SHA, size: 10, mediaType: 'image/png', node: '7', index: 0 }],
  });
const cancelRequested = () => event('job.cancel-requested', {});

/** Runs a command and folds its event, as the shell and the log do. */
function apply(state: JobState, command: JobCommand): JobState {
  const decision = decideJob(command, state);
  if (decision.kind !== 'event') throw new Error(`${command.kind} led to ${decision.kind}`);
  return evolveJob(state, event(decision.contract.type as JobEvent['type'], decision.data as never));
}
const assign: JobCommand = { kind: 'AssignJob', executorId: EXECUTOR, promptId: PROMPT, now: NOW };
const fold = (...events: JobEvent[]) => events.reduce(evolveJob, NO_JOB);
const queued = () => apply(fold(requested()), ACCEPT);
const assigned = () => apply(queued(), assign);

describe('a job', () => {
  it('goes the whole way to completed', () => {
    let job = assigned();
    expect(stageOf(job)).toBe('assigned');
    job = [started(1), executed(1), organised(1), scored(1)].reduce(evolveJob, job);
    expect(nextStep(job, NOW, 1000)).toEqual({ kind: 'gate', scorerAbsent: false });
    job = apply(job, { kind: 'GateOutputs', scorerAbsent: false });
    expect(nextStep(job, NOW, 1000)).toEqual({ kind: 'complete' });
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
    expect(nextStep(job, NOW, 1000).kind).toBe('wait');
  });

  it('is gated without figures when the scorer stays away past its limit, and says so', () => {
    const job = [executed(1), organised(1)].reduce(evolveJob, assigned());
    expect(nextStep(job, NOW, 1000)).toEqual({ kind: 'wait', until: '2026-01-01T00:00:01.000Z' });
    expect(nextStep(job, '2026-01-01T00:00:01.000Z', 1000)).toEqual({ kind: 'gate', scorerAbsent: true });
    expect(decideJob({ kind: 'GateOutputs', scorerAbsent: true }, job)).toMatchObject({
      data: { scorerBuild: null, reason: 'scorer absent', verdict: 'passed', rule: { id: 'none' } },
    });
  });

  it('tries again after a transient failure, with a new attempt and not before its time', () => {
    let job = evolveJob(assigned(), attemptFailed(1, 'transient'));
    job = apply(job, { kind: 'SettleFailure', now: NOW, chance: 0.5 });
    expect(job.retry).toEqual({ attempt: 2, notBefore: '2026-01-01T00:00:00.750Z' });
    expect(nextStep(job, NOW, 1000)).toEqual({ kind: 'wait', until: '2026-01-01T00:00:00.750Z' });
    expect(decideJob(assign, job)).toEqual({ kind: 'nothing' });
    const later: JobCommand = { ...assign, now: '2026-01-01T00:00:00.750Z' };
    expect(decideJob(later, job)).toMatchObject({ data: { attempt: 2 } });
  });

  it('fails after the last permitted attempt, and at once when a retry cannot help', () => {
    const hopeless = evolveJob(assigned(), attemptFailed(1, 'invalid'));
    expect(decideJob({ kind: 'SettleFailure', now: NOW, chance: 0 }, hopeless)).toMatchObject({
      contract: { type: 'job.failed' },
      data: { class: 'invalid', attempts: 1 },
    });
    const last = evolveJob({ ...assigned(), accepted: { maxAttempts: 1, vramGb: 4 } }, attemptFailed(1, 'transient'));
    expect(decideJob({ kind: 'SettleFailure', now: NOW, chance: 0 }, last)).toMatchObject({
      contract: { type: 'job.failed' },
    });
  });

  it('ignores facts of an attempt that is no longer current', () => {
    let job = evolveJob(assigned(), attemptFailed(1, 'transient'));
    job = apply(job, { kind: 'SettleFailure', now: NOW, chance: 0 });
    job = apply(job, { ...assign, now: '2026-01-01T00:01:00.000Z' });
    job = evolveJob(job, executed(1));
    expect(stageOf(job)).toBe('assigned');
  });
});

describe('a cancel', () => {
  it('ends a queued job at once', () => {
    const job = evolveJob(queued(), cancelRequested());
    expect(nextStep(job, NOW, 1000)).toEqual({ kind: 'cancel' });
    expect(decideJob(assign, job)).toEqual({ kind: 'nothing' });
    expect(apply(job, { kind: 'CancelJob' }).end).toBe('cancelled');
  });

  it('is ordered once from the executor, and ends when that answers', () => {
    let job = evolveJob(assigned(), cancelRequested());
    expect(nextStep(job, NOW, 1000)).toEqual({ kind: 'order-cancel' });
    expect(decideJob({ kind: 'CancelJob' }, job)).toEqual({ kind: 'nothing' });
    job = apply(job, { kind: 'OrderCancel' });
    expect(nextStep(job, NOW, 1000).kind).toBe('wait');
    job = evolveJob(job, attemptFailed(1, 'cancelled'));
    expect(nextStep(job, NOW, 1000)).toEqual({ kind: 'cancel' });
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

describe('evolve', () => {
  const facts = () => [
    started(1),
    executed(1),
    attemptFailed(1, 'transient'),
    scored(1),
    organised(1),
    cancelRequested(),
  ];
  const commands: JobCommand[] = [
    ACCEPT,
    { kind: 'RejectJob', reason: 'no' },
    assign,
    { kind: 'OrderCancel' },
    { kind: 'CancelJob' },
    { kind: 'SettleFailure', now: NOW, chance: 0 },
    { kind: 'GateOutputs', scorerAbsent: true },
    { kind: 'CompleteJob' },
    { kind: 'FailUnorganised' },
  ];
  const histories = fc.array(fc.oneof(fc.constantFrom(...commands), fc.nat(5)), { maxLength: 14 });

  it('gives the same state whether a fact stands before or behind a decision that did not see it', () => {
    fc.assert(
      fc.property(histories, fc.constantFrom(...commands), fc.nat(5), (history, command, factIndex) => {
        let state = fold(requested());
        for (const step of history) {
          if (typeof step === 'number') state = evolveJob(state, facts()[step] as JobEvent);
          else {
            const decision = decideJob(step, state);
            if (decision.kind === 'event') state = apply(state, step);
          }
        }
        const decision = decideJob(command, state);
        if (decision.kind !== 'event') return;
        const decisionEvent = event(decision.contract.type as JobEvent['type'], decision.data as never);
        const fact = facts()[factIndex] as JobEvent;
        expect(evolveJob(evolveJob(state, fact), decisionEvent)).toEqual(
          evolveJob(evolveJob(state, decisionEvent), fact),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('is not changed by a repeated event', () => {
    for (const fact of facts()) {
      const once = evolveJob(assigned(), fact);
      expect(evolveJob(once, fact)).toEqual(once);
    }
  });

  it('keeps the first of two different facts of one kind and attempt', () => {
    const first = evolveJob(assigned(), attemptFailed(1, 'invalid'));
    expect(evolveJob(first, attemptFailed(1, 'transient'))).toEqual(first);
    expect(JobExecutedV1.producer).toBe(JobAttemptFailedV1.producer);
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
