import type { JobAttemptRow } from './rows.js';
import type { JobEvent } from './events.js';
import {
  JobAssignedV2,
  JobAttemptFailedV2,
  JobAttemptLostV1,
  JobCancelOrderedV1,
  JobDeclinedV1,
  JobExecutedV2,
  JobGatedV1,
  JobOrganisedV1,
  JobOrganiseFailedV1,
  JobScoredV1,
  JobStartedV2,
} from '@anime/contracts';

/** An attempt of which nothing is known yet. */
export function unknownAttempt(jobId: string, attempt: number): JobAttemptRow {
  return {
    job_id: jobId,
    attempt,
    executor_id: null,
    prompt_id: null,
    variant: null,
    vram_gb: null,
    free_memory: null,
    assigned_at: null,
    cancel_ordered_at: null,
    lost_at: null,
    declined_at: null,
    decline_reason: null,
    decline_message: null,
    decline_evidence: null,
    started_at: null,
    claim: null,
    environment: null,
    executed_at: null,
    execution_ms: null,
    cached: null,
    graph_hash: null,
    cached_nodes: null,
    models: null,
    vram_peak_bytes: null,
    failed_at: null,
    failure_class: null,
    failure_reason: null,
    failure_message: null,
    evidence: null,
    scorer_builds: [],
    organised_at: null,
    organise_failed_at: null,
    organise_failure_code: null,
    organise_failure_message: null,
    gated_at: null,
    verdict: null,
    gate_rule: null,
    gate_scorer_build: null,
    gate_reason: null,
  };
}

/** The attempt that an event is about; undefined for events of the job as a whole. */
export function attemptOf(event: JobEvent): number | undefined {
  switch (event.type) {
    case JobAssignedV2.type:
    case JobCancelOrderedV1.type:
    case JobAttemptLostV1.type:
    case JobDeclinedV1.type:
    case JobStartedV2.type:
    case JobExecutedV2.type:
    case JobAttemptFailedV2.type:
    case JobScoredV1.type:
    case JobOrganisedV1.type:
    case JobOrganiseFailedV1.type:
    case JobGatedV1.type:
      return event.data.attempt;
    default:
      return undefined;
  }
}

/**
 * The attempt with what the event tells of it; the same row when it tells nothing new: a second event of one kind, for
 * `scored` of one scorer build. No kind reads what another wrote, so that any order of kinds gives the same row.
 */
export function withEvent(row: JobAttemptRow, event: JobEvent): JobAttemptRow {
  switch (event.type) {
    case JobAssignedV2.type: {
      if (row.assigned_at !== null) return row;
      const { executorId, promptId, variant, vramGb, freeMemory } = event.data;
      return {
        ...row,
        assigned_at: event.time,
        executor_id: executorId,
        prompt_id: promptId,
        // What was run counts more than what was ordered, also when it was stored first.
        variant: row.executed_at === null ? variant : row.variant,
        vram_gb: vramGb,
        free_memory: freeMemory,
      };
    }
    case JobCancelOrderedV1.type:
      return row.cancel_ordered_at !== null ? row : { ...row, cancel_ordered_at: event.time };
    case JobAttemptLostV1.type:
      return row.lost_at !== null ? row : { ...row, lost_at: event.time };
    case JobDeclinedV1.type: {
      if (row.declined_at !== null) return row;
      const { reason, message, evidence } = event.data;
      return {
        ...byExecutor(row, event.data),
        declined_at: event.time,
        decline_reason: reason,
        decline_message: message,
        decline_evidence: evidence,
      };
    }
    case JobStartedV2.type: {
      if (row.started_at !== null) return row;
      const { claim, environment } = event.data;
      return { ...byExecutor(row, event.data), started_at: event.time, claim, environment };
    }
    case JobExecutedV2.type: {
      if (row.executed_at !== null) return row;
      const { executionMs, cached, graphHash, variant, cachedNodes, models, vramPeakBytes } = event.data;
      return {
        ...byExecutor(row, event.data),
        executed_at: event.time,
        execution_ms: executionMs,
        cached,
        graph_hash: graphHash,
        variant,
        cached_nodes: cachedNodes,
        models,
        vram_peak_bytes: vramPeakBytes,
      };
    }
    case JobAttemptFailedV2.type: {
      if (row.failed_at !== null) return row;
      const { reason, message, evidence } = event.data;
      const failure = {
        failed_at: event.time,
        failure_class: event.data.class,
        failure_reason: reason,
        failure_message: message,
        evidence,
      };
      return { ...byExecutor(row, event.data), ...failure };
    }
    case JobScoredV1.type: {
      const { scorerBuild } = event.data;
      return row.scorer_builds.includes(scorerBuild)
        ? row
        : { ...row, scorer_builds: [...row.scorer_builds, scorerBuild] };
    }
    case JobOrganisedV1.type:
      return row.organised_at !== null ? row : { ...row, organised_at: event.time };
    case JobOrganiseFailedV1.type: {
      if (row.organise_failed_at !== null) return row;
      const { code, message } = event.data;
      return { ...row, organise_failed_at: event.time, organise_failure_code: code, organise_failure_message: message };
    }
    case JobGatedV1.type: {
      if (row.gated_at !== null) return row;
      const { verdict, rule, scorerBuild, reason } = event.data;
      return {
        ...row,
        gated_at: event.time,
        verdict,
        gate_rule: rule.id,
        gate_scorer_build: scorerBuild,
        gate_reason: reason,
      };
    }
    default:
      return row;
  }
}

/** Facts name their executor too, in case they were stored before the assignment was. */
function byExecutor(
  row: JobAttemptRow,
  data: { readonly executorId: string; readonly promptId: string },
): JobAttemptRow {
  return { ...row, executor_id: row.executor_id ?? data.executorId, prompt_id: row.prompt_id ?? data.promptId };
}
