import {
  JobAssignedV2,
  JobAttemptFailedV2,
  JobAttemptLostV1,
  JobCompletedV1,
  JobFailedV1,
  JobRequestedV3,
  type EventContract,
  type EventData,
} from '@anime/contracts';
import { deriveId, uuidv7, type NewEvent } from '@anime/event-store';
import { executedAttempt, executedOutput, recordAll, testEvent } from '@anime/event-store/testing';
import { describe, expect, it } from '@jest/globals';
import { judgeTrail } from './trail-verdict.js';

const JOB = uuidv7();
const run = (attempt: number) => ({
  attempt,
  executorId: deriveId(JOB, 'executor'),
  promptId: deriveId(JOB, `${attempt}`),
});
const of = <C extends EventContract>(contract: C, data: EventData<C>): NewEvent<C> => testEvent(contract, JOB, data);
const requested = of(JobRequestedV3, {
  type: 'image',
  template: { id: 'text-to-image', version: 1 },
  parameters: {},
  seed: 1,
  seedSource: 'given',
  project: null,
  inputs: [],
  limits: {},
});
const assigned = (attempt: number) =>
  of(JobAssignedV2, { ...run(attempt), variant: 'normal', vramGb: 1, freeMemory: false });
const failedAttempt = (attempt: number) =>
  of(JobAttemptFailedV2, {
    ...run(attempt),
    class: 'transient',
    reason: 'vanished',
    message: 'it is gone',
    evidence: {},
  });
const lost = (attempt: number) => of(JobAttemptLostV1, run(attempt));
const failed = (message: string) => of(JobFailedV1, { class: 'transient', message, attempts: 1 });
const executed = executedAttempt([executedOutput({ sha256: 'a'.repeat(64), size: 1 })], JOB);
const completed = of(JobCompletedV1, { attempt: 1, verdict: 'passed' });

/** @param begun attempts that a server began, each as often as it is named */
function judge(events: readonly NewEvent[], ...begun: readonly number[]) {
  const runs = new Map<string, number>();
  for (const attempt of begun) runs.set(run(attempt).promptId, (runs.get(run(attempt).promptId) ?? 0) + 1);
  return judgeTrail(recordAll(events), runs);
}
const WELL = { lost: false, hung: false, twice: false, unlawfulRuns: [], unexplained: [] };

describe('a trail', () => {
  it('is as it must be when it ends once, and each run that was not the last is known to be over', () => {
    expect(judge([requested, assigned(1), executed, completed], 1)).toEqual(WELL);
    expect(judge([requested, assigned(1), failedAttempt(1), failed('it is gone')], 1)).toEqual(WELL);
    for (const over of [failedAttempt(1), lost(1)])
      expect(judge([requested, assigned(1), over, assigned(2), failedAttempt(2), failed('it is gone')], 1, 2)).toEqual(
        WELL,
      );
  });

  it('tells of a job that is lost, has not ended, or ended twice', () => {
    expect(judge([])).toMatchObject({ lost: true, hung: false });
    expect(judge([requested, assigned(1)])).toMatchObject({ hung: true });
    expect(judge([requested, assigned(1), executed, completed, failed('it is gone')])).toMatchObject({ twice: true });
  });

  it('tells of a run that began twice, and of one that began before the one before was over', () => {
    expect(judge([requested, assigned(1), executed, completed], 1, 1).unlawfulRuns).toEqual([
      'attempt 1 was begun 2 times',
    ]);
    const early = [requested, assigned(1), assigned(2), failedAttempt(1), failedAttempt(2), failed('it is gone')];
    expect(judge(early, 1, 2).unlawfulRuns).toEqual(['attempt 2 ran, and attempt 1 was not over']);
    expect(judge(early, 2).unlawfulRuns).toEqual([]);
  });

  it('tells of a failure without a reason, and of an attempt of which nothing is known', () => {
    expect(judge([requested, assigned(1), failedAttempt(1), failed('who knows')]).unexplained).toEqual([
      'it failed (transient: who knows), and no attempt tells why',
    ]);
    expect(judge([requested, assigned(1), completed]).unexplained).toEqual(['nothing is known of attempt 1']);
  });
});
