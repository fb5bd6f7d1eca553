import { JobCancelRequestedV2, JobRequestedV3, JobRetryRequestedV1, type Sealed } from '@anime/contracts';
import type { RecordedEvent } from '@anime/event-store/pure';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideJob, type JobCommand } from './job.decide.js';
import { evolveJob } from './job.evolve.js';
import { NO_JOB } from './job.state.js';

const JOB = '018f0000-0000-7000-8000-000000000001';
const REQUEST: JobCommand = {
  kind: 'RequestJob',
  job: {
    type: 'image',
    template: { id: 'text-to-image', version: 1 },
    parameters: { prompt: 'a fox' },
    seed: 7,
    seedSource: 'given',
    inputs: [],
    limits: {},
    project: null,
  },
};
const REASON: Sealed = {
  sealed: 'aes-256-gcm',
  subject: JOB,
  keyVersion: 1,
  nonce: 'AAAAAAAAAAAAAAAA',
  ciphertext: 'q83vEg==',
  tag: 'AAAAAAAAAAAAAAAAAAAAAA==',
};
const CANCEL: JobCommand = { kind: 'RequestCancel', reason: null };

function event(type: string): RecordedEvent {
  return {
    type,
    storedName: `${type}.v1`,
    aggregate: 'job',
    aggregateId: JOB,
    producer: 'orchestrator',
    position: 1,
    id: JOB,
    time: '2026-01-01T00:00:00.000Z',
    correlationId: JOB,
    actor: 'service:orchestrator',
    data: {},
  };
}
const after = (...types: string[]) => types.map(event).reduce(evolveJob, NO_JOB);
const ENDS = ['job.completed', 'job.failed', 'job.cancelled', 'job.rejected'];
const OPEN = [
  'job.requested',
  'job.accepted',
  'job.assigned',
  'job.started',
  'job.executed',
  'job.scored',
  'job.organised',
  'job.cancel-requested',
];

describe('a request for a job', () => {
  it('leads to job.requested with everything resolved', () => {
    expect(decideJob(REQUEST, NO_JOB)).toEqual({ kind: 'event', contract: JobRequestedV3, data: REQUEST.job });
  });

  it('has had its effect when the job is there', () => {
    expect(decideJob(REQUEST, after('job.requested'))).toEqual({ kind: 'nothing' });
  });
});

describe('the wish to cancel a job', () => {
  it('keeps its reason as it is, sealed', () => {
    expect(decideJob({ kind: 'RequestCancel', reason: REASON }, after('job.requested'))).toEqual({
      kind: 'event',
      contract: JobCancelRequestedV2,
      data: { reason: REASON },
    });
  });

  it('is refused for a job that nobody requested', () => {
    expect(decideJob(CANCEL, NO_JOB)).toMatchObject({ kind: 'refused', code: 'job-not-found' });
  });

  it('is stored for any job that has not ended, however often', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...OPEN), { minLength: 1 }), (types) => {
        expect(decideJob(CANCEL, after(...types))).toEqual({
          kind: 'event',
          contract: JobCancelRequestedV2,
          data: { reason: null },
        });
      }),
    );
  });

  it('is refused once the job has ended, also when facts arrived after the end', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ENDS),
        fc.array(fc.constantFrom(...OPEN)),
        fc.array(fc.constantFrom(...OPEN)),
        (end, before, late) => {
          expect(decideJob(CANCEL, after(...before, end, ...late))).toMatchObject({
            kind: 'refused',
            code: 'job-ended',
          });
        },
      ),
    );
  });
});

describe('the wish to try a job again', () => {
  const RETRY: JobCommand = { kind: 'RequestRetry', reason: REASON };

  it('is refused for a job that nobody requested', () => {
    expect(decideJob(RETRY, NO_JOB)).toMatchObject({ kind: 'refused', code: 'job-not-found' });
  });

  it('is stored, with its reason sealed, once the job has failed, also when facts arrived after that', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...OPEN)), fc.array(fc.constantFrom(...OPEN)), (before, late) => {
        expect(decideJob(RETRY, after(...before, 'job.failed', ...late))).toEqual({
          kind: 'event',
          contract: JobRetryRequestedV1,
          data: { reason: REASON },
        });
      }),
    );
  });

  it.each([
    ['job.requested'],
    ['job.completed'],
    ['job.cancelled'],
    ['job.rejected'],
    ['job.failed', 'job.retry-requested'],
  ])('is refused after %s', (...types) => {
    expect(decideJob(RETRY, after('job.requested', ...types))).toMatchObject({
      kind: 'refused',
      code: 'job-not-failed',
    });
  });

  it('opens the job for a cancel, and for a retry again once it has failed anew', () => {
    const again = ['job.requested', 'job.failed', 'job.retry-requested', 'job.assigned'];
    expect(decideJob(CANCEL, after(...again))).toMatchObject({ kind: 'event' });
    expect(decideJob(RETRY, after(...again, 'job.failed'))).toMatchObject({ kind: 'event' });
  });
});

describe('the fold of a job', () => {
  it('is total: an event of a later build leaves the job open', () => {
    expect(evolveJob(NO_JOB, event('job.reprioritised'))).toEqual({ stage: 'open' });
  });
});
