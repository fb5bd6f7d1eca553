import {
  JobExecutedV2,
  JobOrganisedV1,
  JobRequestedV3,
  JobScoredV1,
  type EventData,
  type MetricResult,
} from '@anime/contracts';
import type { RowChange } from '@anime/projections';
import { put } from '../changes.js';
import type { JobEvent } from './events.js';
import type { JobScoreRow, JobTimelineRow } from './rows.js';
import { JOB_FILES, JOB_OUTPUTS, JOB_REQUESTS, JOB_SCORES } from './tables.js';

/** The job's own line for every event. */
export function timelineRow(event: JobEvent): JobTimelineRow {
  return {
    job_id: event.aggregateId,
    event_id: event.id,
    position: event.position,
    type: event.type,
    producer: event.producer,
    time: event.time,
    actor: event.actor,
    correlation_id: event.correlationId,
    causation_id: event.causationId ?? null,
    epoch: event.epoch ?? null,
    data: event.data,
  };
}

/** What was asked for, from the request. */
export function requestChange(jobId: string, data: EventData<typeof JobRequestedV3>): RowChange {
  const { parameters } = data;
  const prompt = typeof parameters['prompt'] === 'string' ? parameters['prompt'] : null;
  return put(JOB_REQUESTS, { job_id: jobId, prompt, parameters, seed_source: data.seedSource });
}

/** Outputs, scores and files that the first event of its kind brings. */
export function detailChanges(event: JobEvent): readonly RowChange[] {
  const job_id = event.aggregateId;
  switch (event.type) {
    case JobExecutedV2.type: {
      const { attempt, outputs } = event.data;
      return outputs.map(({ node, index, kind, role, blob, size, mediaType, filename, pixelSha256 }) =>
        put(JOB_OUTPUTS, {
          job_id,
          attempt,
          node,
          output_index: index,
          kind,
          role,
          blob,
          size,
          media_type: mediaType,
          filename,
          pixel_sha256: pixelSha256,
        }),
      );
    }
    case JobScoredV1.type: {
      const { attempt, scorerBuild, outputs } = event.data;
      return outputs.flatMap(({ node, index, blob, metrics }) =>
        metrics.map((metric) => {
          const place = { job_id, attempt, node, output_index: index, metric: metric.id, scorer_build: scorerBuild };
          return put(JOB_SCORES, { ...place, ...scoreColumns(metric), blob, scored_at: event.time });
        }),
      );
    }
    case JobOrganisedV1.type: {
      const { attempt, files } = event.data;
      return files.map(({ path, role, sha256, size, mediaType, width, height, frames, node, index }) =>
        put(JOB_FILES, {
          job_id,
          attempt,
          path,
          role,
          sha256,
          size,
          media_type: mediaType,
          width: width ?? null,
          height: height ?? null,
          frames: frames ?? null,
          node,
          output_index: index,
        }),
      );
    }
    default:
      return [];
  }
}

type ScoreColumns = Omit<
  JobScoreRow,
  'job_id' | 'attempt' | 'node' | 'output_index' | 'metric' | 'scorer_build' | 'blob' | 'scored_at'
>;

function scoreColumns(metric: MetricResult): ScoreColumns {
  switch (metric.status) {
    case 'measured':
      return {
        metric_version: metric.version,
        status: 'measured',
        value: metric.value,
        unit: metric.unit,
        method: metric.method,
        evidence: metric.evidence ?? null,
        model_sha256: metric.modelSha256 ?? null,
        reason: null,
        enabled_by: null,
      };
    case 'unavailable':
      return {
        metric_version: metric.version,
        status: 'unavailable',
        value: null,
        unit: null,
        method: null,
        evidence: null,
        model_sha256: null,
        reason: metric.reason,
        enabled_by: metric.enabledBy ?? null,
      };
  }
}
