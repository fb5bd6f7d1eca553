import type { FailureClass } from '@anime/contracts';
import { decideJob, type JobCommand } from '../domain/job/job.decide.js';
import { evolveJob } from '../domain/job/job.evolve.js';
import type { DeclineReason } from '../domain/job/next-try.js';
import { NO_JOB, type JobEvent, type JobState } from '../domain/job/job.state.js';
import { SAMPLE_GRAPH, SAMPLE_MANIFEST, SHA } from './sample-template.js';

export const JOB = '018f0000-0000-7000-8000-000000000001';
export const EXECUTOR = '018f0000-0000-7000-8000-000000000002';
export const PROMPT = '018f0000-0000-7000-8000-000000000003';
export const NOW = '2026-01-01T00:00:00.000Z';
export const OUTPUT = {
  node: '7',
  index: 0,
  kind: 'image' as const,
  role: 'final',
  blob: SHA,
  size: 10,
  mediaType: 'image/png',
  filename: 'a.png',
  pixelSha256: null,
};
/** @param maxAttempts that the job is accepted with */
export const acceptWith = (maxAttempts: number): JobCommand => ({
  kind: 'AcceptJob',
  compiled: {
    manifest: SAMPLE_MANIFEST,
    variants: [{ name: 'normal', graph: SAMPLE_GRAPH, graphHash: SHA, vramGb: SAMPLE_MANIFEST.vramGb }],
  },
  maxAttempts,
});
export const ACCEPT = acceptWith(3);
export const assignAt = (now: string): JobCommand => ({
  kind: 'AssignJob',
  executorId: EXECUTOR,
  promptId: PROMPT,
  demand: { variant: 'normal', vramGb: SAMPLE_MANIFEST.vramGb, gpuBytes: SAMPLE_MANIFEST.vramGb * 1e9 },
  now,
});

let position = 0;
export function event<T extends JobEvent['type']>(type: T, data: Extract<JobEvent, { type: T }>['data']): JobEvent {
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
export const requested = () =>
  event('job.requested', {
    type: 'image',
    template: { id: 'text-to-image', version: 1 },
    parameters: { prompt: 'x' },
    seed: 1,
    seedSource: 'given',
    inputs: [],
    limits: {},
    project: null,
  });
export const started = (attempt: number) =>
  event('job.started', { attempt, executorId: EXECUTOR, promptId: PROMPT, claim: PROMPT, environment: null });
export const executed = (attempt: number) =>
  event('job.executed', {
    attempt,
    executorId: EXECUTOR,
    promptId: PROMPT,
    variant: 'normal',
    graphHash: SHA,
    cached: false,
    outputs: [OUTPUT],
    executionMs: 5,
    cachedNodes: [],
    models: [],
    vramPeakBytes: null,
  });
export const attemptFailed = (attempt: number, failureClass: FailureClass) =>
  event('job.attempt-failed', {
    attempt,
    executorId: EXECUTOR,
    promptId: PROMPT,
    class: failureClass,
    reason: 'vanished',
    message: 'gone',
    evidence: {},
  });
export const declined = (attempt: number, reason: DeclineReason) =>
  event('job.declined', {
    attempt,
    executorId: EXECUTOR,
    promptId: PROMPT,
    reason,
    message: `declined: ${reason}`,
    evidence: {},
  });
export const retryRequested = () => event('job.retry-requested', { reason: null });
export const scored = (attempt: number) =>
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
export const organised = (attempt: number) =>
  event('job.organised', {
    attempt,
    files: [{ role: 'output', path: 'a.png', sha256: SHA, size: 10, mediaType: 'image/png', node: '7', index: 0 }],
  });
export const cancelRequested = () => event('job.cancel-requested', { reason: null });

export const organiseFailed = (attempt: number) =>
  event('job.organise-failed', { attempt, code: 'storage-failed', message: 'no space left on device' });

/** Runs a command and folds its event, as the shell and the log do. */
export function apply(state: JobState, command: JobCommand): JobState {
  const decision = decideJob(command, state);
  if (decision.kind !== 'event') throw new Error(`${command.kind} led to ${decision.kind}`);
  return evolveJob(state, event(decision.contract.type as JobEvent['type'], decision.data as never));
}
export const assign = assignAt(NOW);
export const fold = (...events: JobEvent[]) => events.reduce(evolveJob, NO_JOB);
export const queued = () => apply(fold(requested()), ACCEPT);
export const assigned = () => apply(queued(), assign);
