import { stageOf, type JobState } from './job.state.js';

/** What is due for a job now; `schedule` deals with `queued` ones. */
export type NextStep =
  | {
      readonly kind:
        | 'accept'
        | 'cancel'
        | 'order-cancel'
        | 'lose-attempt'
        | 'settle-failure'
        | 'complete'
        | 'fail-unorganised';
    }
  | { readonly kind: 'gate'; readonly scorerAbsent: boolean }
  | { readonly kind: 'queue' }
  /** Nothing before this instant, unless an event comes. */
  | { readonly kind: 'wait'; readonly until: string | undefined };

const WAIT: NextStep = { kind: 'wait', until: undefined };

/**
 * What the job needs next.
 * @param now ISO instant
 * @param scorerLimitMs how long to wait for scores after `executed`
 */
export function nextStep(job: JobState, now: string, scorerLimitMs: number, executorLost: boolean): NextStep {
  const stage = stageOf(job);
  if (stage === 'absent' || stage === 'ended') return WAIT;
  if (stage === 'assigned' && executorLost) return { kind: 'lose-attempt' };
  if (job.cancelRequested) {
    if (stage !== 'assigned') return { kind: 'cancel' };
    return job.cancelOrdered === job.assignment?.attempt ? WAIT : { kind: 'order-cancel' };
  }
  switch (stage) {
    case 'requested':
      return { kind: 'accept' };
    case 'queued': {
      const notBefore = job.retry?.notBefore;
      return notBefore !== undefined && notBefore > now ? { kind: 'wait', until: notBefore } : { kind: 'queue' };
    }
    case 'assigned':
      return WAIT;
    case 'attempt-failed':
      return { kind: 'settle-failure' };
    case 'executed':
      return afterExecution(job, now, scorerLimitMs);
  }
}

function afterExecution(job: JobState, now: string, scorerLimitMs: number): NextStep {
  const attempt = job.assignment?.attempt ?? 0;
  const facts = job.facts[attempt];
  if (facts?.organiseFailure !== undefined && !facts.organised) return { kind: 'fail-unorganised' };
  if (job.gated?.attempt === attempt) return facts?.organised ? { kind: 'complete' } : WAIT;
  if (facts?.scorerBuild !== undefined) return { kind: 'gate', scorerAbsent: false };
  const limit = new Date(Date.parse(facts?.executedAt ?? now) + scorerLimitMs).toISOString();
  return limit <= now ? { kind: 'gate', scorerAbsent: true } : { kind: 'wait', until: limit };
}
