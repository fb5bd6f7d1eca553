import type { AttemptFacts, JobEnd, JobEvent, JobState } from './job.state.js';

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
        accepted: { maxAttempts: event.data.maxAttempts, vramGb: event.data.variants[0]?.vramGb ?? 0 },
      };
    case 'job.assigned': {
      const { attempt, executorId, promptId } = event.data;
      return { ...job, assignment: { attempt, executorId, promptId } };
    }
    case 'job.cancel-ordered':
      return { ...job, cancelOrdered: event.data.attempt };
    case 'job.attempt-lost':
      return { ...job, lostAttempt: event.data.attempt };
    case 'job.retry-scheduled':
      return { ...job, retry: { attempt: event.data.attempt, notBefore: event.data.notBefore } };
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

/** The first end stays: there is one per request. */
function ended(job: JobState, end: JobEnd): JobState {
  return job.end === undefined ? { ...job, end } : job;
}

/** The first fact of a kind stays; a repeat is ignored. */
function withFact(job: JobState, attempt: number, fact: AttemptFacts): JobState {
  return { ...job, facts: { ...job.facts, [attempt]: { ...fact, ...job.facts[attempt] } } };
}
