import { JobAssignedV2, JobCancelRequestedV2, JobStartedV2, SchedulerTermStartedV1 } from '@anime/contracts';
import type { NewEvent } from '../../event.js';
import { deriveId } from '../../derived-ids.js';
import type { LogEntry } from '../../log-entry.js';
import { testEvent, type TestMeta } from '../test-event.js';

const PARENT = '00000000-0000-7000-8000-000000000001';
export const JOB = deriveId(PARENT, 'job');
export const OTHER_JOB = deriveId(PARENT, 'other job');
export const EXECUTOR = deriveId(PARENT, 'executor');
export const SCHEDULER = deriveId(PARENT, 'scheduler');

export function cancelRequested(job = JOB, meta: TestMeta = {}): NewEvent<typeof JobCancelRequestedV2> {
  return testEvent(JobCancelRequestedV2, job, { reason: null }, meta);
}

export function started(attempt: number, job = JOB): NewEvent<typeof JobStartedV2> {
  return testEvent(JobStartedV2, job, {
    attempt,
    executorId: EXECUTOR,
    promptId: deriveId(job, String(attempt)),
    claim: deriveId(job, 'claim'),
    environment: null,
  });
}

export function assigned(attempt: number, epoch: number, job = JOB): NewEvent<typeof JobAssignedV2> {
  const data = {
    attempt,
    executorId: EXECUTOR,
    promptId: deriveId(job, String(attempt)),
    variant: 'normal' as const,
    vramGb: 4,
    freeMemory: false,
  };
  return testEvent(JobAssignedV2, job, data, { epoch });
}

export function termStarted(epoch: number): NewEvent<typeof SchedulerTermStartedV1> {
  return testEvent(
    SchedulerTermStartedV1,
    SCHEDULER,
    { epoch, leader: deriveId(PARENT, 'leader', String(epoch)) },
    { epoch },
  );
}

/** Status and position of each entry, for short expectations. */
export function outline(entries: readonly LogEntry[]): string[] {
  return entries.map(({ status, position }) => `${position} ${status}`);
}
