import type { JobAttempt, JobWaiting } from '@anime/contracts/http';
import type { JobAttemptRow, JobRow } from '../../projections/jobs/rows.js';

const GB = 1e9;

/** What tells why a job waits. */
export interface WaitingRows {
  readonly attempts: readonly JobAttemptRow[];
  /** Of its acceptance; null before. `vramGb` is what it needs at first. */
  readonly accepted: { readonly vramGb: number } | null;
  /** While it waits: the last attempts of jobs that wait because others hold memory, the newest of each executor. */
  readonly declines: readonly JobAttemptRow[];
}

/** Why a job is not with an executor: how its last attempt ended, and when and how the next one is to be. */
export function jobWaiting(job: JobRow, { attempts, accepted, declines }: WaitingRows): JobWaiting | null {
  if (job.status !== 'queued' && job.status !== 'requested') return null;
  const { not_before: notBefore, retry } = job;
  const next = retry && {
    variant: retry.variant,
    vramGb: retry.vramGb,
    freeMemory: retry.freeMemory,
    avoid: [...retry.avoid],
  };
  const vramGb = retry?.vramGb ?? accepted?.vramGb ?? 0;
  return { notBefore, last: lastEnd(attempts), next, memoryHeld: memoryHeld(vramGb * GB, declines) };
}

/** Those declines that would meet a job which needs so many bytes, too. */
function memoryHeld(bytes: number, declines: readonly JobAttemptRow[]): JobWaiting['memoryHeld'] {
  return declines.flatMap((row) => {
    const { executor_id: executorId, declined_at: at, decline_message: message, decline_evidence: evidence } = row;
    const { neededBytes = (row.vram_gb ?? 0) * GB, freeBytes = null } = evidence?.memory ?? {};
    if (executorId === null || at === null || (freeBytes === null ? bytes < neededBytes : bytes <= freeBytes))
      return [];
    return [{ executorId, neededBytes, freeBytes, message: message ?? '', at }];
  });
}

function lastEnd(attempts: readonly JobAttemptRow[]): JobWaiting['last'] {
  for (const row of attempts.toReversed()) {
    const { attempt } = row;
    const { failure, decline } = jobAttempt(row);
    if (failure !== null) return { attempt, class: failure.class, reason: failure.reason, message: failure.message };
    if (decline !== null) return { attempt, class: 'declined', reason: decline.reason, message: decline.message };
  }
  return null;
}

/** One try of a job. */
export function jobAttempt(row: JobAttemptRow): JobAttempt {
  const { organise_failure_code } = row;
  return {
    attempt: row.attempt,
    status: attemptStatus(row),
    executorId: row.executor_id,
    promptId: row.prompt_id,
    variant: row.variant,
    vramGb: row.vram_gb,
    freeMemory: row.free_memory,
    environment: row.environment,
    cached: row.cached,
    cachedNodes: row.cached_nodes && [...row.cached_nodes],
    graphHash: row.graph_hash,
    models: row.models,
    vramPeakBytes: row.vram_peak_bytes,
    executionMs: row.execution_ms,
    failure: attemptFailure(row),
    decline:
      row.decline_reason === null
        ? null
        : { reason: row.decline_reason, message: row.decline_message ?? '', evidence: row.decline_evidence ?? {} },
    organiseFailure:
      organise_failure_code === null
        ? null
        : { code: organise_failure_code, message: row.organise_failure_message ?? '' },
    organisedAt: row.organised_at,
    gate:
      row.verdict === null
        ? null
        : {
            verdict: row.verdict,
            rule: row.gate_rule ?? 'none',
            scorerBuild: row.gate_scorer_build,
            reason: row.gate_reason,
          },
    assignedAt: row.assigned_at,
    startedAt: row.started_at,
    endedAt: row.lost_at ?? row.executed_at ?? row.failed_at ?? row.declined_at,
  };
}

function attemptFailure(row: JobAttemptRow): JobAttempt['failure'] {
  const { failure_class, failure_reason, failure_message, evidence } = row;
  if (row.lost_at !== null)
    return {
      class: 'executor-lost',
      reason: 'executor-lost',
      message: 'nothing was heard of its executor, or of the ComfyUI of that',
      evidence: {},
    };
  if (failure_class === null) return null;
  return {
    class: failure_class,
    reason: failure_reason ?? '',
    message: failure_message ?? '',
    evidence: evidence ?? {},
  };
}

function attemptStatus(row: JobAttemptRow): JobAttempt['status'] {
  if (row.lost_at !== null) return 'lost';
  if (row.executed_at !== null) return 'executed';
  if (row.failed_at !== null) return 'failed';
  if (row.declined_at !== null) return 'declined';
  return row.started_at !== null ? 'started' : 'assigned';
}
