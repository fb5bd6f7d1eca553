import type { FailureClass, MetricResult, Parameters } from '@anime/contracts';
import type {
  Job,
  JobAttempt,
  JobEvent,
  JobFile,
  JobOutput,
  JobScore,
  JobSummary,
  JobWaiting,
} from '@anime/contracts/http';
import type {
  JobFileRow,
  JobOutputRow,
  JobRequestRow,
  JobRow,
  JobScoreRow,
  JobTimelineRow,
} from '../../projections/jobs/rows.js';
import { jobAttempt, jobWaiting, type WaitingRows } from './attempt-views.js';

type JobDetailLimits = NonNullable<Job['limits']>;

/** Everything that the read-model knows of one job. */
export interface JobDetail extends JobSummary {
  readonly parameters: Parameters;
  readonly seedSource: 'given' | 'drawn';
  /** Why it failed or was rejected. */
  readonly failure: { readonly class: FailureClass; readonly message: string } | null;
  /** What holds for it since it was accepted; null before. */
  readonly limits: JobDetailLimits | null;
  /** Why it is not with an executor; null when it is, or has ended. */
  readonly waiting: JobWaiting | null;
  /** Place in the log of the newest event that is in here. */
  readonly position: number;
  readonly attempts: JobAttempt[];
  readonly outputs: JobOutput[];
  readonly files: JobFile[];
  readonly scores: JobScore[];
}

/** The rows of one job. */
export interface JobRows extends WaitingRows {
  readonly job: JobRow;
  readonly request: JobRequestRow;
  readonly accepted: (JobDetailLimits & { readonly vramGb: number }) | null;
  readonly outputs: readonly JobOutputRow[];
  readonly files: readonly JobFileRow[];
  readonly scores: readonly JobScoreRow[];
  readonly position: number;
}

/** A job as lists show it. */
export function jobSummary(job: JobRow, prompt: string | null): JobSummary {
  return {
    id: job.id,
    type: job.type,
    status: job.status,
    template: { id: job.template_id, version: job.template_version },
    project: job.project,
    prompt,
    seed: job.seed,
    attempt: job.attempt,
    executorId: job.executor_id,
    verdict: job.verdict,
    cancelRequested: job.cancel_requested,
    requestedAt: job.requested_at,
    acceptedAt: job.accepted_at,
    startedAt: job.started_at,
    endedAt: job.ended_at,
  };
}

/** A job with all that belongs to it. */
export function jobDetail(rows: JobRows): JobDetail {
  const { job, request } = rows;
  // What a lost executor still made is not the job's: another attempt makes it again.
  const lost = new Set(rows.attempts.filter(({ lost_at }) => lost_at !== null).map(({ attempt }) => attempt));
  const counts = ({ attempt }: { readonly attempt: number }): boolean => !lost.has(attempt);
  return {
    ...jobSummary(job, request.prompt),
    parameters: request.parameters,
    seedSource: request.seed_source,
    failure: job.failure_class === null ? null : { class: job.failure_class, message: job.failure_message ?? '' },
    limits: rows.accepted && { maxAttempts: rows.accepted.maxAttempts, maxRunSeconds: rows.accepted.maxRunSeconds },
    waiting: jobWaiting(job, rows),
    position: rows.position,
    attempts: rows.attempts.map(jobAttempt),
    outputs: rows.outputs.filter(counts).map(jobOutput),
    files: rows.files.filter(counts).map(jobFile),
    scores: jobScores(rows.scores.filter(counts)),
  };
}

/** One line of a job's trail. */
export function jobEvent(row: JobTimelineRow): JobEvent {
  return {
    position: row.position,
    id: row.event_id,
    type: row.type,
    time: row.time,
    producer: row.producer,
    actor: row.actor,
    correlationId: row.correlation_id,
    causationId: row.causation_id,
    epoch: row.epoch,
    data: { ...row.data },
  };
}

function jobOutput(row: JobOutputRow): JobOutput {
  const { attempt, node, kind, role, blob, size, filename } = row;
  return {
    attempt,
    node,
    index: row.output_index,
    kind,
    role,
    blob,
    size,
    mediaType: row.media_type,
    filename,
    pixelSha256: row.pixel_sha256,
  };
}

function jobFile(row: JobFileRow): JobFile {
  const { attempt, role, path, sha256, size, node, width, height, frames } = row;
  return {
    attempt,
    role,
    path,
    sha256,
    size,
    mediaType: row.media_type,
    ...(width === null ? {} : { width }),
    ...(height === null ? {} : { height }),
    ...(frames === null ? {} : { frames }),
    node,
    index: row.output_index,
  };
}

/** Rows of one output by one build come together (see the query's order). */
function jobScores(rows: readonly JobScoreRow[]): JobScore[] {
  const scores: JobScore[] = [];
  for (const row of rows) {
    const last = scores.at(-1);
    const same =
      last?.attempt === row.attempt &&
      last.node === row.node &&
      last.index === row.output_index &&
      last.scorerBuild === row.scorer_build;
    if (same) last.metrics.push(metricResult(row));
    else {
      const { attempt, node, output_index: index, scorer_build: scorerBuild, scored_at: scoredAt } = row;
      scores.push({ attempt, node, index, scorerBuild, scoredAt, metrics: [metricResult(row)] });
    }
  }
  return scores;
}

function metricResult(row: JobScoreRow): MetricResult {
  const { metric: id, metric_version: version } = row;
  if (row.status === 'unavailable') {
    return {
      status: 'unavailable',
      id,
      version,
      reason: row.reason ?? '',
      ...(row.enabled_by === null ? {} : { enabledBy: row.enabled_by }),
    };
  }
  return {
    status: 'measured',
    id,
    version,
    value: row.value ?? 0,
    unit: row.unit ?? '',
    method: row.method ?? '',
    ...(row.evidence === null ? {} : { evidence: { ...row.evidence } }),
    ...(row.model_sha256 === null ? {} : { modelSha256: row.model_sha256 }),
  };
}
