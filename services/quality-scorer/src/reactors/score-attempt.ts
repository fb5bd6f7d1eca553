import type { BlobStore } from '@anime/blob-store';
import { JobScoredV1, type EventData, type JobExecutedV2 } from '@anime/contracts';
import { SPANS } from '@anime/contracts/telemetry';
import {
  causedBy,
  deriveId,
  inSpan,
  lastEventOnSubject,
  wasGivenUp,
  type EventLog,
  type EventOf,
  type RecordedEvent,
} from '@anime/event-store';
import { isProblem } from '@anime/problem-details';
import type { ClassicalScorer } from '@anime/quality-metrics';
import { measure } from './metric-results.js';

export type ExecutedEvent = EventOf<typeof JobExecutedV2> & RecordedEvent;

export interface ScoreDependencies {
  readonly log: EventLog;
  readonly blobs: BlobStore;
  readonly scorer: Pick<ClassicalScorer, 'scorePicture'>;
  readonly scorerBuild: string;
  /** Told how long each output took, in seconds. */
  readonly onPicture?: (seconds: number) => void;
  /** ISO instant. */
  readonly now: () => string;
}

/** Id of the scores that one build gives an executed attempt: a repeat has the same. */
export function scoredId(executedEventId: string, scorerBuild: string): string {
  return deriveId(executedEventId, 'scored', scorerBuild);
}

/**
 * Currency: false when this build's scores of this attempt are the job's newest, so that a late redelivery measures nothing,
 * and when its executor was given up before it reported.
 */
export async function isUnscored(
  deps: Pick<ScoreDependencies, 'log' | 'scorerBuild'>,
  event: ExecutedEvent,
): Promise<boolean> {
  try {
    if (await wasGivenUp(deps.log, event)) return false;
    const last = await lastEventOnSubject(deps.log, [JobScoredV1], event.aggregateId);
    return last?.id !== scoredId(event.id, deps.scorerBuild);
  } catch (error) {
    // A newer build's scores may be of another attempt; if they are of this one, the log knows the repeat by its id.
    if (isProblem(error, 'newer-contract')) return true;
    throw error;
  }
}

/**
 * Measures every output of an executed attempt and appends `job.scored`.
 * @throws ProblemError `blob-not-found`, `blob-corrupt`, `storage-failed`, `log-unavailable`, `log-full`…
 */
export async function scoreAttempt(deps: ScoreDependencies, event: ExecutedEvent, signal: AbortSignal): Promise<void> {
  const outputs: EventData<typeof JobScoredV1>['outputs'] = [];
  for (const { node, index, blob, mediaType } of event.data.outputs) {
    signal.throwIfAborted();
    const bytes = await deps.blobs.get(blob);
    const attributes = { 'anime.node': node, 'anime.index': index, 'anime.media_type': mediaType };
    const began = performance.now();
    const metrics = await inSpan(SPANS.measure, { attributes }, () => measure(deps.scorer, bytes, mediaType));
    deps.onPicture?.((performance.now() - began) / 1_000);
    outputs.push({ node, index, blob, metrics });
  }
  await deps.log.append({
    contract: JobScoredV1,
    aggregateId: event.aggregateId,
    id: scoredId(event.id, deps.scorerBuild),
    time: deps.now(),
    actor: 'service:quality-scorer',
    ...causedBy(event),
    data: { attempt: event.data.attempt, scorerBuild: deps.scorerBuild, outputs },
  });
}
