import type { EventData, JobRetryScheduledV2 } from '@anime/contracts';
import { NO_JOB, nextAssignment, type AttemptFacts, type JobEnd, type JobEvent, type JobState } from './job.state.js';

/** Folds one event into a job; total, so that the log may hold facts and decisions in either order. */
export function evolveJob(job: JobState, event: JobEvent): JobState {
  switch (event.type) {
    case 'job.requested':
      return job.requested === undefined ? { ...job, requested: { ...event.data, at: event.time } } : job;
    case 'job.cancel-requested':
      return { ...job, cancelRequested: true };
    case 'job.accepted':
      return {
        ...job,
        accepted: {
          maxAttempts: event.data.maxAttempts,
          vramGb: Object.fromEntries(event.data.variants.map(({ name, vramGb }) => [name, vramGb])),
        },
      };
    case 'job.assigned': {
      return { ...job, assignment: event.data };
    }
    case 'job.cancel-ordered':
      return { ...job, cancelOrdered: event.data.attempt };
    case 'job.attempt-lost':
      return { ...job, lostAttempt: event.data.attempt };
    case 'job.retry-scheduled':
      return scheduled(job, event.data);
    case 'job.retry-requested':
      return reopened(job, event.time);
    case 'job.gated':
      return { ...job, gated: { attempt: event.data.attempt, verdict: event.data.verdict } };
    case 'job.rejected':
      return ended(job, 'rejected');
    case 'job.completed':
      return ended(job, 'completed');
    case 'job.failed':
      return ended(job, 'failed');
    case 'job.cancelled':
      return ended(job, 'cancelled');
    case 'job.started':
      return withFact(job, event.data.attempt, { started: true });
    case 'job.declined': {
      const { attempt, reason, message } = event.data;
      return withFact(job, attempt, { declined: { reason, message, position: event.position } });
    }
    case 'job.executed':
      return withFact(job, event.data.attempt, { executedAt: event.time });
    case 'job.attempt-failed':
      return withFact(job, event.data.attempt, { failure: { class: event.data.class, message: event.data.message } });
    case 'job.scored':
      return withFact(job, event.data.attempt, { scorerBuild: event.data.scorerBuild });
    case 'job.organised':
      return withFact(job, event.data.attempt, { organised: true });
    case 'job.organise-failed':
      return withFact(job, event.data.attempt, {
        organiseFailure: { code: event.data.code, message: event.data.message },
      });
  }
}

function scheduled(job: JobState, data: EventData<typeof JobRetryScheduledV2>): JobState {
  const { failedAttempt, class: failed, ...retry } = data;
  const assignment = job.assignment;
  const earlier =
    assignment?.attempt === failedAttempt
      ? [
          ...job.earlier,
          { attempt: failedAttempt, executorId: assignment.executorId, variant: assignment.variant, class: failed },
        ]
      : job.earlier;
  return { ...job, retry, earlier };
}

/** A failed job that is to be tried again begins anew, but goes on counting its attempts. */
function reopened(job: JobState, at: string): JobState {
  if (job.end !== 'failed') return job;
  const { end: _end, ...rest } = job;
  const attempt = (job.assignment?.attempt ?? 0) + 1;
  const { attempt: _first, ...first } = nextAssignment({ ...NO_JOB, ...(job.accepted && { accepted: job.accepted }) });
  // A wish to cancel came after the end, where it had no effect; this one is newer.
  return { ...rest, cancelRequested: false, earlier: [], retry: { ...first, attempt, notBefore: at } };
}

/** The first end stays: there is one per request. */
function ended(job: JobState, end: JobEnd): JobState {
  return job.end === undefined ? { ...job, end } : job;
}

/** The first fact of a kind stays; a repeat is ignored. */
function withFact(job: JobState, attempt: number, fact: AttemptFacts): JobState {
  return { ...job, facts: { ...job.facts, [attempt]: { ...fact, ...job.facts[attempt] } } };
}
