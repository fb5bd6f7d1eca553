import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import {
  acceptWith,
  assignAt,
  attemptFailed,
  cancelRequested,
  declined,
  event,
  EXECUTOR,
  executed,
  fold,
  NOW,
  organised,
  organiseFailed,
  requested,
  scored,
  started,
} from '../../testing/job-events.js';
import { decideJob, type JobCommand } from './job.decide.js';
import { evolveJob } from './job.evolve.js';
import { stageOf, type AttemptFacts, type JobEvent, type JobState } from './job.state.js';
import { nextStep, type NextStep } from './next-step.js';

const SCORER_LIMIT_MS = 1_000;
const MAX_ATTEMPTS = 2;
const CANDIDATES = [
  {
    executorId: EXECUTOR,
    name: 'a',
    vramBytes: 8e9,
    lostAt: null,
    paused: false,
    drained: false,
    shortage: null,
    equippedAt: 0,
  },
];
const START = Date.parse(NOW);
const iso = (ms: number): string => new Date(ms).toISOString();

interface Situation {
  readonly job: JobState;
  readonly now: number;
  /** Whether the executor of the current attempt is lost. */
  readonly lost: boolean;
  /** What led to it, and from where: for the message of a failure. */
  readonly cause: string;
  readonly from: Situation | undefined;
}

function pathTo(situation: Situation | undefined): string[] {
  return situation === undefined ? [] : [...pathTo(situation.from), situation.cause];
}

/** The command that a step stands for. */
function commandOf(step: NextStep, now: string): JobCommand | undefined {
  switch (step.kind) {
    case 'accept':
      return acceptWith(MAX_ATTEMPTS);
    case 'cancel':
      return { kind: 'CancelJob' };
    case 'order-cancel':
      return { kind: 'OrderCancel' };
    case 'lose-attempt':
      return { kind: 'LoseAttempt' };
    case 'settle-failure':
      return { kind: 'SettleFailure', now, chance: 0, gpuBytes: 0, candidates: CANDIDATES };
    case 'gate':
      return { kind: 'GateOutputs', scorerAbsent: step.scorerAbsent };
    case 'complete':
      return { kind: 'CompleteJob' };
    case 'fail-unorganised':
      return { kind: 'FailUnorganised' };
    case 'queue':
      return assignAt(now);
    case 'wait':
      return undefined;
  }
}

/**
 * What others may report now: facts of the current attempt in any order, and late ones of the attempt before. Fewer about
 * later attempts: the model would not end otherwise.
 */
function reports(job: JobState): JobEvent[] {
  const facts: JobEvent[] = [cancelRequested()];
  const attempt = job.assignment?.attempt ?? 0;
  if (attempt === 0) return facts;
  facts.push(executed(attempt), attemptFailed(attempt, 'transient'));
  if (attempt <= 2) facts.push(started(attempt), attemptFailed(attempt, 'invalid'), attemptFailed(attempt, 'oom'));
  if (attempt === 1) facts.push(declined(attempt, 'no-memory'));
  if (attempt === 2) facts.push(executed(1));
  if (job.cancelOrdered === attempt) facts.push(attemptFailed(attempt, 'cancelled'));
  if (job.facts[attempt]?.executedAt !== undefined)
    facts.push(scored(attempt), organised(attempt), ...(attempt < 3 ? [organiseFailed(attempt)] : []));
  return facts;
}

/** The event of the decision that is due, if one is. */
function due({ job, now, lost }: Situation): JobEvent | undefined {
  const command = commandOf(nextStep(job, iso(now), SCORER_LIMIT_MS, lost), iso(now));
  if (command === undefined) return undefined;
  const decision = decideJob(command, job);
  if (decision.kind !== 'event') throw new Error(`${command.kind} is due but leads to ${decision.kind}`);
  return at(event(decision.contract.type as JobEvent['type'], decision.data as never), now);
}

const at = (happened: JobEvent, now: number): JobEvent => ({ ...happened, time: iso(now) });

/** Every situation that a job can get into, whatever is reported and in whatever order. */
function everySituation(): Situation[] {
  const seen = new Map<string, Situation>();
  let frontier: Situation[] = [
    { job: fold(requested()), now: START, lost: false, cause: 'job.requested', from: undefined },
  ];
  while (frontier.length > 0) {
    const next: Situation[] = [];
    for (const situation of frontier) {
      const { job, now, lost } = situation;
      const key = `${keyOf(job)} ${now} ${lost}`;
      if (seen.has(key)) continue;
      seen.set(key, situation);
      if (stageOf(job) === 'ended') continue;
      const step = nextStep(job, iso(now), SCORER_LIMIT_MS, lost);
      if (step.kind === 'wait' && step.until !== undefined)
        next.push({ ...situation, now: Date.parse(step.until), cause: 'time passes', from: situation });
      if (stageOf(job) === 'assigned' && (job.assignment?.attempt ?? 0) <= 2)
        next.push({ ...situation, lost: !lost, cause: lost ? 'executor.recovered' : 'executor.lost', from: situation });
      const decision = due(situation);
      const events = [...(decision === undefined ? [] : [decision]), ...reports(job).map((report) => at(report, now))];
      for (const each of events) {
        const after = evolveJob(job, each);
        // An executor matters only to a job that waits for it, and a lost one is given nothing.
        next.push({ job: after, now, lost: lost && stageOf(after) === 'assigned', cause: each.type, from: situation });
      }
    }
    frontier = next;
  }
  return [...seen.values()];
}

describe('in every situation that a job can get into', () => {
  const situations = everySituation();

  it('something is due, or time will bring it, or somebody who was asked has yet to answer', () => {
    expect(situations.length).toBeGreaterThan(1_000);
    const stuck = situations.filter(({ job, now, lost }) => {
      if (stageOf(job) === 'ended') return false;
      const step = nextStep(job, iso(now), SCORER_LIMIT_MS, lost);
      if (step.kind !== 'wait' || step.until !== undefined) return false;
      const facts = job.facts[job.assignment?.attempt ?? 0];
      const executorWorks = stageOf(job) === 'assigned' && !lost;
      const organizerWorks = facts?.executedAt !== undefined && !facts.organised && facts.organiseFailure === undefined;
      return !executorWorks && !organizerWorks;
    });
    expect(stuck.map(pathTo)).toEqual([]);
  });

  it('a fact gives the same state before or behind the decision that did not see it', () => {
    let pairs = 0;
    const types = new Set<string>();
    for (const situation of situations) {
      if (stageOf(situation.job) === 'ended') continue;
      const decision = due(situation);
      if (decision === undefined) continue;
      for (const report of reports(situation.job)) {
        const fact = at(report, situation.now);
        const before = evolveJob(evolveJob(situation.job, fact), decision);
        const behind = evolveJob(evolveJob(situation.job, decision), fact);
        if (!isDeepStrictEqual(before, behind)) {
          const where = [pathTo(situation), decision.type, fact.type];
          expect([where, before]).toEqual([where, behind]);
        }
        pairs += 1;
        types.add(decision.type);
      }
    }
    expect(pairs).toBeGreaterThan(1_000);
    expect([...types].sort()).toEqual([
      'job.accepted',
      'job.assigned',
      'job.attempt-lost',
      'job.cancel-ordered',
      'job.cancelled',
      'job.completed',
      'job.failed',
      'job.gated',
      'job.retry-scheduled',
    ]);
  });

  it('a cancel that came before the end leads to cancelled, whatever else is reported', () => {
    for (const situation of situations) {
      const { job, lost } = situation;
      if (!job.cancelRequested || stageOf(job) === 'ended') continue;
      const decision = due(situation);
      const expected =
        stageOf(job) !== 'assigned'
          ? 'job.cancelled'
          : lost
            ? 'job.attempt-lost'
            : job.cancelOrdered === job.assignment?.attempt
              ? undefined
              : 'job.cancel-ordered';
      if (decision?.type !== expected)
        expect([pathTo(situation), decision?.type]).toEqual([pathTo(situation), expected]);
    }
  });

  it('the first end is the only one', () => {
    const late = [
      event('job.failed', { class: 'internal', message: 'late', attempts: 1 }),
      event('job.completed', { attempt: 1, verdict: 'passed' }),
    ];
    const reopened = situations.filter(({ job }) => {
      if (stageOf(job) !== 'ended') return false;
      const step = nextStep(job, iso(START + 3_600_000), SCORER_LIMIT_MS, true);
      const rests = step.kind === 'wait' && step.until === undefined;
      return !rests || late.some((end) => evolveJob(job, end).end !== job.end);
    });
    expect(reopened.map(pathTo)).toEqual([]);
  });
});

/**
 * Equal for jobs that stand alike: the order in which fields were set does not matter, the request is always the same, and
 * of an attempt that is over only how it ended.
 */
function keyOf({ requested: _, facts, ...decisions }: JobState): string {
  const byName = <T>(fields: Readonly<Record<string, T>>): [string, T][] =>
    Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
  const current = decisions.assignment?.attempt ?? 0;
  const counting = ({ failure, declined: handedBack, ...rest }: AttemptFacts, attempt: number): object =>
    attempt < current
      ? { failed: failure?.class, declined: handedBack?.reason }
      : { failure, handedBack: handedBack?.reason, ...rest };
  return JSON.stringify([
    byName({ ...decisions }),
    byName(facts).map(([attempt, known]) => [attempt, byName({ ...counting(known, Number(attempt)) })]),
  ]);
}
