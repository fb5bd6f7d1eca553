import {
  JobAssignedV2,
  JobAttemptFailedV2,
  JobAttemptLostV1,
  JobCancelledV1,
  JobCompletedV1,
  JobDeclinedV1,
  JobExecutedV2,
  JobFailedV1,
  JobOrganiseFailedV1,
  JobRejectedV1,
  JobRequestedV3,
} from '@anime/contracts';
import { isEvent, type RecordedEvent } from '@anime/event-store';

/** What is wrong with the trail of a job; nothing when it is as it must be. */
export interface TrailFaults {
  /** The gateway answered 202, and the log does not know it. */
  readonly lost: boolean;
  /** It has not ended. */
  readonly hung: boolean;
  /** It ended more than once, or has two sets of outputs that count. */
  readonly twice: boolean;
  /** A server ran it again though nothing says that the run before was over or given up. */
  readonly unlawfulRuns: readonly string[];
  /** What failed without a reason. */
  readonly unexplained: readonly string[];
}

const ENDS = [JobCompletedV1, JobFailedV1, JobCancelledV1, JobRejectedV1];

/**
 * Judges one job by its events alone and by what the servers counted.
 * @param runs how often each prompt was begun on the servers
 */
export function judgeTrail(events: readonly RecordedEvent[], runs: ReadonlyMap<string, number>): TrailFaults {
  const lost = !events.some((event) => isEvent(event, JobRequestedV3));
  const ends = events.filter((event) => ENDS.some((contract) => isEvent(event, contract)));
  const executed = events.filter((event) => isEvent(event, JobExecutedV2));
  return {
    lost,
    hung: !lost && ends.length === 0,
    twice: ends.length > 1 || new Set(executed.map(({ id }) => id)).size > 1,
    unlawfulRuns: unlawfulRuns(events, runs),
    unexplained: unexplained(events),
  };
}

/** A prompt that was begun twice; or a prompt whose job had one before it that nobody had given up. */
function unlawfulRuns(events: readonly RecordedEvent[], runs: ReadonlyMap<string, number>): string[] {
  const faults: string[] = [];
  const assigned = events.filter((event) => isEvent(event, JobAssignedV2));
  for (const { data, position } of assigned) {
    const count = runs.get(data.promptId) ?? 0;
    if (count > 1) faults.push(`attempt ${data.attempt} was begun ${count} times`);
    const before = assigned.filter((other) => other.position < position && (runs.get(other.data.promptId) ?? 0) > 0);
    for (const earlier of before) {
      const over = events.some(
        (event) =>
          (isEvent(event, JobAttemptFailedV2) || isEvent(event, JobAttemptLostV1)) &&
          event.data.attempt === earlier.data.attempt &&
          event.position < position,
      );
      if (count > 0 && !over)
        faults.push(`attempt ${data.attempt} ran, and attempt ${earlier.data.attempt} was not over`);
    }
  }
  return faults;
}

function unexplained(events: readonly RecordedEvent[]): string[] {
  const faults: string[] = [];
  for (const event of events) {
    if (isEvent(event, JobAssignedV2)) {
      const { attempt } = event.data;
      const over = events.some(
        (other) =>
          (isEvent(other, JobExecutedV2) ||
            isEvent(other, JobAttemptFailedV2) ||
            isEvent(other, JobAttemptLostV1) ||
            isEvent(other, JobDeclinedV1)) &&
          other.data.attempt === attempt,
      );
      if (!over) faults.push(`nothing is known of attempt ${attempt}`);
    }
    if (isEvent(event, JobFailedV1)) {
      const { class: failed, message } = event.data;
      const told = events.some(
        (other) =>
          isEvent(other, JobOrganiseFailedV1) ||
          ((isEvent(other, JobAttemptFailedV2) || isEvent(other, JobDeclinedV1)) &&
            message.startsWith(other.data.message)) ||
          (isEvent(other, JobAttemptLostV1) && failed === 'executor-lost'),
      );
      if (!told) faults.push(`it failed (${failed}: ${message}), and no attempt tells why`);
    }
  }
  return faults;
}
