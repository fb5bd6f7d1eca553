import { ENDED_STATUSES, type EventContract, type EventData } from '@anime/contracts';
import {
  JobAcceptedV3,
  JobAssignedV2,
  JobAttemptLostV1,
  JobCancelledV1,
  JobCompletedV1,
  JobExecutedV2,
  JobFailedV1,
  JobRejectedV1,
  JobRequestedV3,
  JobRetryRequestedV1,
  JobRetryScheduledV2,
  JobStartedV2,
} from '@anime/contracts';
import type { NewEvent } from '@anime/event-store';
import { recordAll, testEvent } from '@anime/event-store/testing';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { evolveView, hasEnded, NO_VIEW, showsProgress, type JobView, type ShownEvent } from './job-view.js';

const JOB = '0199f0f0-0000-7000-8000-000000000001';
const EXECUTOR = '0199f0f0-0000-7000-8000-000000000002';
const SHA = 'a'.repeat(64);
const TEMPLATE = { id: 'text-to-image', version: 1 };
const GRAPH = { inline: { '7': { class_type: 'SaveImage', inputs: {} } } };

const of = <C extends EventContract>(contract: C, data: EventData<C>): NewEvent => testEvent(contract, JOB, data);
const attemptOf = (attempt: number) => ({ attempt, executorId: EXECUTOR, promptId: EXECUTOR });
const requested = () =>
  of(JobRequestedV3, {
    type: 'image',
    template: TEMPLATE,
    parameters: {},
    seed: 1,
    seedSource: 'given',
    inputs: [],
    limits: {},
    project: null,
  });
const accepted = () =>
  of(JobAcceptedV3, {
    type: 'image',
    template: TEMPLATE,
    parameters: {},
    seed: 1,
    project: null,
    variants: [{ name: 'normal', graph: GRAPH, graphHash: SHA, vramGb: 1 }],
    outputs: [{ node: '7', kind: 'image', role: 'final', filenamePrefixInput: 'filename_prefix' }],
    progress: { '7': 1 },
    metricSet: 'classical',
    layout: { title: 't', requestedAt: '2026-01-02T03:04:05.678Z' },
    maxAttempts: 3,
    inputs: [],
    maxRunSeconds: null,
  });
const assigned = (attempt: number) =>
  of(JobAssignedV2, { ...attemptOf(attempt), variant: 'normal', vramGb: 1, freeMemory: false });
const started = (attempt: number) => of(JobStartedV2, { ...attemptOf(attempt), claim: EXECUTOR, environment: null });
const executed = (attempt: number) =>
  of(JobExecutedV2, {
    ...attemptOf(attempt),
    variant: 'normal',
    graphHash: SHA,
    cached: false,
    outputs: [
      {
        node: '7',
        index: 0,
        kind: 'image',
        role: 'final',
        blob: SHA,
        size: 1,
        mediaType: 'image/png',
        filename: 'a.png',
        pixelSha256: null,
      },
    ],
    executionMs: null,
    cachedNodes: [],
    models: [],
    vramPeakBytes: null,
  });
const lost = (attempt: number) => of(JobAttemptLostV1, attemptOf(attempt));
const retry = (attempt: number) =>
  of(JobRetryScheduledV2, {
    attempt,
    failedAttempt: attempt - 1,
    class: 'transient',
    notBefore: '2026-01-02T03:04:05.678Z',
    variant: 'normal' as const,
    vramGb: 0,
    gpuBytes: 0,
    freeMemory: false,
    avoid: [],
  });
const completed = () => of(JobCompletedV1, { attempt: 1, verdict: 'passed' });
const failed = () => of(JobFailedV1, { class: 'transient', message: 'm', attempts: 1 });
const retryRequested = () => of(JobRetryRequestedV1, { reason: null });
const cancelled = () => of(JobCancelledV1, { stage: 'assigned', attempt: 1 });
const rejected = () => of(JobRejectedV1, { class: 'missing-model', message: 'm' });

const fold = (events: readonly NewEvent[], first = 1): JobView =>
  recordAll<ShownEvent>(events, first).reduce(evolveView, NO_VIEW);
const seen = (events: readonly NewEvent[]) => {
  const { shown } = fold(events);
  return shown === null ? null : [shown.status, shown.attempt, shown.position];
};

describe('a job as its viewers see it', () => {
  it('goes through the statuses of its life, each at the position of the event that led to it', () => {
    const life = [requested(), accepted(), assigned(1), started(1), executed(1), completed()];
    expect(life.map((_, index) => seen(life.slice(0, index + 1)))).toEqual([
      ['requested', 0, 1],
      ['queued', 0, 2],
      ['assigned', 1, 3],
      ['running', 1, 4],
      ['executed', 1, 5],
      ['completed', 1, 6],
    ]);
    expect(seen([])).toBeNull();
    expect(fold(life).shown).toMatchObject({ jobId: JOB, at: '2026-01-02T03:04:05.678Z' });
  });

  it.each([
    ['failed', failed()],
    ['cancelled', cancelled()],
    ['rejected', rejected()],
  ])('ends as %s, and the first end stays', (status, end) => {
    const events = [requested(), end, accepted(), assigned(1), started(1), completed()];
    expect(seen(events)).toEqual([status, 0, 2]);
    expect(hasEnded(fold(events))).toBe(true);
  });

  it('that failed and is wanted again waits with its next attempt; one that ended otherwise stays as it is', () => {
    const life = [requested(), accepted(), assigned(1), started(1), failed(), retryRequested()];
    expect(seen(life)).toEqual(['queued', 2, 6]);
    expect(hasEnded(fold(life))).toBe(false);
    expect(seen([...life, executed(1), assigned(2), started(2)])).toEqual(['running', 2, 9]);
    expect(seen([requested(), cancelled(), retryRequested()])).toEqual(['cancelled', 0, 2]);
  });

  it('no longer shows what a lost executor reports, before or after it was given up', () => {
    const begin = [requested(), accepted(), assigned(1)];
    expect(seen([...begin, started(1), lost(1), executed(1)])).toEqual(['assigned', 1, 5]);
    expect(seen([...begin, executed(1), lost(1)])).toEqual(['assigned', 1, 5]);
    expect(seen([...begin, started(1), lost(1), retry(2), assigned(2), started(2)])).toEqual(['running', 2, 8]);
  });

  it('takes facts of the current attempt only, whichever of fact and decision was stored first', () => {
    const begin = [requested(), accepted(), assigned(1), started(1), retry(2)];
    expect(seen(begin)).toEqual(['queued', 2, 5]);
    expect(seen([...begin, executed(1), assigned(2)])).toEqual(['assigned', 2, 7]);
    expect(seen([...begin, started(2), assigned(2)])).toEqual(['running', 2, 7]);
    expect(seen([...begin, assigned(2), started(2), executed(1)])).toEqual(['running', 2, 7]);
    expect(seen([...begin, assigned(1)])).toEqual(['queued', 2, 5]);
  });

  it('leads to the same status in whatever order facts lie among the decisions', () => {
    const decisions = [requested(), accepted(), assigned(1), retry(2), assigned(2)];
    const facts = [started(1), executed(1), started(2), executed(2)];
    const places = fc.array(fc.nat(decisions.length), { minLength: facts.length, maxLength: facts.length });
    fc.assert(
      fc.property(places, fc.constantFrom(undefined, completed(), failed(), cancelled()), (where, end) => {
        const log = [...decisions];
        where.forEach((place, index) => log.splice(place, 0, ...facts.slice(index, index + 1)));
        const status = fold(end === undefined ? log : [...log, end]).shown?.status;
        expect(status).toBe(end === undefined ? 'executed' : end.contract.type.split('.')[1]);
        expect(end === undefined || ENDED_STATUSES.some((known) => known === status)).toBe(true);
      }),
    );
  });

  it('has no progress of an attempt that was given up or that another has followed, however late it comes', () => {
    const shown = (...events: NewEvent[]) => {
      const view = fold([requested(), accepted(), ...events]);
      return [1, 2, 3].filter((attempt) => showsProgress(view, attempt));
    };
    expect(shown()).toEqual([1, 2, 3]);
    expect(shown(assigned(1), started(1))).toEqual([1, 2, 3]);
    expect(shown(assigned(1), lost(1))).toEqual([2, 3]);
    expect(shown(assigned(1), retry(2))).toEqual([2, 3]);
    expect(shown(assigned(1), lost(1), retry(2), assigned(2))).toEqual([2, 3]);
    expect(shown(assigned(1), lost(1), retry(2), assigned(2), executed(2), completed())).toEqual([2, 3]);
    expect(shown(assigned(1), lost(1), retry(2), assigned(2), lost(2), failed())).toEqual([3]);
  });

  it('is not changed by events that it has folded already', () => {
    const all = recordAll<ShownEvent>([requested(), accepted(), assigned(1), started(1)]);
    const view = all.reduce(evolveView, NO_VIEW);
    for (const event of all) expect(evolveView(view, event)).toBe(view);
  });
});
