import {
  JobAcceptedV3,
  JobAssignedV2,
  JobAttemptLostV1,
  JobCancelledV1,
  JobCancelOrderedV1,
  JobCompletedV1,
  JobFailedV1,
  JobGatedV1,
  JobRejectedV1,
  JobRetryScheduledV2,
  type ApiGraph,
  type EventContract,
  type TemplateManifest,
} from '@anime/contracts';
import { decided, NOTHING, type Decision } from '@anime/event-store/pure';
import { nextAssignment, stageOf, strandedBy, trialsOf, type Assignment, type JobState } from './job.state.js';
import { nextTry, type Candidate, type GiveUp, type Trial, type Variant } from './next-try.js';
import { retryDelayMs } from './retry-policy.js';

/** A template as the shell hands it in: each of its graphs already bound to the job's parameters, and hashed. */
export interface CompiledTemplate {
  readonly manifest: TemplateManifest;
  /** `normal` is the first. */
  readonly variants: readonly {
    readonly name: Variant;
    readonly graph: ApiGraph;
    readonly graphHash: string;
    readonly vramGb: number;
  }[];
}

/** Which variant of a job is to run, and how much GPU memory that needs. */
export interface Demand {
  readonly variant: Variant;
  /** So much must be free when it begins. */
  readonly vramGb: number;
  /** So much the GPU must have in all, in bytes; never less than `vramGb`. */
  readonly gpuBytes: number;
}

/** All that the orchestrator may want of a job. Time, ids and chance come in here (law 5). */
export type JobCommand =
  | { readonly kind: 'AcceptJob'; readonly compiled: CompiledTemplate; readonly maxAttempts: number }
  /** There is no such template, it cannot be compiled, or no GPU here has the memory for it. */
  | { readonly kind: 'RejectJob'; readonly class: 'invalid' | 'oom'; readonly reason: string }
  | {
      readonly kind: 'AssignJob';
      readonly executorId: string;
      readonly promptId: string;
      /** What it needs by all that is known now. */
      readonly demand: Demand;
      readonly now: string;
    }
  | { readonly kind: 'OrderCancel' }
  /** Its executor is lost. */
  | { readonly kind: 'LoseAttempt' }
  | { readonly kind: 'CancelJob' }
  /** `chance` in [0, 1) spreads retries. */
  | {
      readonly kind: 'SettleFailure';
      readonly now: string;
      readonly chance: number;
      /** What the GPU of the attempt had to have in all, in bytes. */
      readonly gpuBytes: number;
      readonly candidates: readonly Candidate[];
    }
  /** Nobody who could run it is there, nor comes back. */
  | { readonly kind: 'AbandonJob'; readonly now: string; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'GateOutputs'; readonly scorerAbsent: boolean }
  | { readonly kind: 'CompleteJob' }
  | { readonly kind: 'FailUnorganised' };

/** Decides one command on one job; a command that no longer fits the job's stage leads to nothing. */
export function decideJob(command: JobCommand, job: JobState): Decision<EventContract> {
  const stage = stageOf(job);
  switch (command.kind) {
    case 'AcceptJob':
      return stage === 'requested' && !job.cancelRequested
        ? accept(command.compiled, command.maxAttempts, job)
        : NOTHING;
    case 'RejectJob':
      return stage === 'requested' && !job.cancelRequested
        ? decided(JobRejectedV1, { class: command.class, message: command.reason })
        : NOTHING;
    case 'AssignJob':
      return assign(command, job);
    case 'OrderCancel': {
      const assignment = job.assignment;
      if (stage !== 'assigned' || !job.cancelRequested || assignment === undefined) return NOTHING;
      return job.cancelOrdered === assignment.attempt ? NOTHING : decided(JobCancelOrderedV1, attemptOf(assignment));
    }
    case 'LoseAttempt':
      return stage === 'assigned' && job.assignment !== undefined
        ? decided(JobAttemptLostV1, attemptOf(job.assignment))
        : NOTHING;
    case 'CancelJob':
      return cancel(job);
    case 'SettleFailure':
      return settleFailure(command, job);
    case 'AbandonJob': {
      const reason = strandedBy(job, command.candidates, command.now);
      return reason === undefined || job.cancelRequested ? NOTHING : failed(reason, job);
    }
    case 'GateOutputs':
      return gate(command.scorerAbsent, job);
    case 'CompleteJob': {
      const gated = job.gated;
      const attempt = job.assignment?.attempt;
      if (stage !== 'executed' || gated === undefined || gated.attempt !== attempt) return NOTHING;
      return job.facts[gated.attempt]?.organised ? decided(JobCompletedV1, { ...gated }) : NOTHING;
    }
    case 'FailUnorganised': {
      const attempt = job.assignment?.attempt ?? 0;
      const failure = job.facts[attempt]?.organiseFailure;
      if (stage !== 'executed' || failure === undefined || job.facts[attempt]?.organised) return NOTHING;
      const message = `the outputs could not be filed (${failure.code}): ${failure.message}`;
      return decided(JobFailedV1, { class: 'internal', message, attempts: attempt });
    }
  }
}

function accept({ manifest, variants }: CompiledTemplate, maxAttempts: number, job: JobState): Decision {
  const requested = job.requested;
  if (requested === undefined) return NOTHING;
  return decided(JobAcceptedV3, {
    type: requested.type,
    template: requested.template,
    parameters: requested.parameters,
    seed: requested.seed,
    project: requested.project,
    variants: variants.map((variant) => ({ ...variant, graph: { inline: variant.graph } })),
    outputs: manifest.outputs,
    progress: manifest.progress,
    metricSet: 'classical',
    layout: { title: manifest.id, requestedAt: requested.at },
    maxAttempts: requested.limits.maxAttempts ?? maxAttempts,
    inputs: requested.inputs,
    maxRunSeconds: requested.limits.maxRunSeconds ?? null,
  });
}

function assign(command: JobCommand & { kind: 'AssignJob' }, job: JobState): Decision {
  if (stageOf(job) !== 'queued' || job.cancelRequested) return NOTHING;
  if (job.retry !== undefined && job.retry.notBefore > command.now) return NOTHING;
  const { attempt, freeMemory } = nextAssignment(job);
  const { variant, vramGb } = command.demand;
  return decided(JobAssignedV2, {
    attempt,
    executorId: command.executorId,
    promptId: command.promptId,
    variant,
    vramGb,
    freeMemory,
  });
}

function attemptOf({
  attempt,
  executorId,
  promptId,
}: Assignment): Pick<Assignment, 'attempt' | 'executorId' | 'promptId'> {
  return { attempt, executorId, promptId };
}

/** Ends a job that is asked to stop, unless an executor still has to be told. */
function cancel(job: JobState): Decision {
  if (!job.cancelRequested) return NOTHING;
  const attempt = job.assignment?.attempt ?? null;
  switch (stageOf(job)) {
    case 'absent':
    case 'ended':
    case 'assigned':
      return NOTHING;
    case 'requested':
      return decided(JobCancelledV1, { stage: 'requested', attempt });
    case 'queued':
      return decided(JobCancelledV1, { stage: 'queued', attempt });
    case 'attempt-failed':
      return decided(JobCancelledV1, { stage: 'assigned', attempt });
    case 'executed':
      return decided(JobCancelledV1, { stage: 'executed', attempt });
  }
}

function settleFailure(command: JobCommand & { kind: 'SettleFailure' }, job: JobState): Decision {
  const { assignment, accepted } = job;
  const trials = trialsOf(job);
  const last = trials.at(-1);
  if (stageOf(job) !== 'attempt-failed' || job.cancelRequested) return NOTHING;
  if (assignment === undefined || accepted === undefined || last === undefined) return NOTHING;
  const { variant, vramGb, freeMemory } = assignment;
  const lowMemoryVramGb = accepted.vramGb['low-memory'] ?? null;
  const { gpuBytes } = command;
  const tried = { variant, vramGb, gpuBytes, freeMemory, lowMemoryVramGb, maxAttempts: accepted.maxAttempts };
  const next = nextTry(trials, tried, command.candidates, command.now);
  if (next.kind === 'give-up') return failed(next, job);
  const at = Date.parse(command.now) + retryDelayMs(next.patience, command.chance);
  return decided(JobRetryScheduledV2, {
    attempt: last.attempt + 1,
    failedAttempt: last.attempt,
    class: last.class,
    notBefore: new Date(at).toISOString(),
    variant: next.variant,
    vramGb: next.vramGb,
    gpuBytes: next.gpuBytes,
    freeMemory: next.freeMemory,
    avoid: [...next.avoid],
  });
}

function failed({ class: failureClass, message }: GiveUp, job: JobState): Decision {
  return decided(JobFailedV1, { class: failureClass, message, attempts: attemptsMade(trialsOf(job)) });
}

/** Those that were handed back, or lost with their executor before they had begun, are none. */
function attemptsMade(trials: readonly Trial[]): number {
  return trials.filter((trial) => trial.started || (trial.class !== 'declined' && trial.class !== 'executor-lost'))
    .length;
}

/** Without a gate of the project's own the default rule passes whatever was measured. */
function gate(scorerAbsent: boolean, job: JobState): Decision {
  const attempt = job.assignment?.attempt ?? 0;
  if (stageOf(job) !== 'executed' || job.gated?.attempt === attempt) return NOTHING;
  const scorerBuild = job.facts[attempt]?.scorerBuild ?? null;
  if (scorerBuild === null && !scorerAbsent) return NOTHING;
  return decided(JobGatedV1, {
    attempt,
    verdict: 'passed',
    rule: { id: 'none' },
    scorerBuild,
    reason: scorerBuild === null ? 'scorer absent' : null,
  });
}
