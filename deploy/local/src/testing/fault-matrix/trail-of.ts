import {
  ExecutorDrainedV1,
  ExecutorLostV1,
  ExecutorRecoveredV1,
  ExecutorRegisteredV1,
  JobAssignedV2,
  JobAttemptFailedV2,
  JobCancelledV1,
  JobDeclinedV1,
  JobFailedV1,
  JobGatedV1,
  JobOrganisedV1,
  JobRetryScheduledV2,
  JobScoredV1,
  type EventData,
  type FailureEvidence,
} from '@anime/contracts';
import { isEvent, type EventLog, type RecordedEvent } from '@anime/event-store';

const OF_EXECUTORS = [ExecutorDrainedV1, ExecutorLostV1, ExecutorRecoveredV1];

/** Who had which attempt of a job. */
class Assignments {
  readonly #executorOf = new Map<number, string>();
  readonly #vramBytes = new Map<string, number>();

  constructor(events: readonly RecordedEvent[]) {
    for (const event of events)
      if (isEvent(event, JobAssignedV2)) this.#executorOf.set(event.data.attempt, event.data.executorId);
  }

  /** Executors in the order in which they were assigned to. */
  get executorIds(): readonly string[] {
    return [...new Set(this.#executorOf.values())];
  }

  /** Of an executor's GPU, as it was registered. */
  noteMemory(executorId: string, events: readonly RecordedEvent[]): void {
    const registered = events.find((event) => isEvent(event, ExecutorRegisteredV1));
    this.#vramBytes.set(executorId, Math.max(0, ...(registered?.data.devices ?? []).map((device) => device.vramBytes)));
  }

  numberOf(executorId: string): number {
    return this.executorIds.indexOf(executorId) + 1;
  }

  of(attempt: number): { readonly executorId: string; readonly vramBytes: number } {
    const executorId = this.#executorOf.get(attempt) ?? '';
    return { executorId, vramBytes: this.#vramBytes.get(executorId) ?? 0 };
  }
}

/**
 * All that the log says of a job, of all producers and in the order of the log, with what was said since of the executors that it was
 * assigned to: the types, with what tells one verdict or decision from another.
 */
export async function trailOf(log: EventLog, jobId: string): Promise<string> {
  const ofJob = await eventsOf(log, 'job', jobId);
  const since = ofJob[0]?.position ?? 0;
  const assignments = new Assignments(ofJob);
  const ofThem: RecordedEvent[] = [];
  for (const executorId of assignments.executorIds) {
    const events = await eventsOf(log, 'executor', executorId);
    assignments.noteMemory(executorId, events);
    ofThem.push(...events.filter((event) => OF_EXECUTORS.some((contract) => isEvent(event, contract))));
  }
  const inOrder = [...ofJob, ...ofThem.filter(({ position }) => position > since)].toSorted(
    (one, other) => one.position - other.position,
  );
  return inOneOrder(inOrder)
    .map((event) => worded(event, assignments))
    .join(', ');
}

async function eventsOf(log: EventLog, aggregate: 'job' | 'executor', id: string): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const entry of log.readAggregate(aggregate, id)) {
    if (entry.status !== 'event') throw new Error(`position ${entry.position} is ${entry.status}`);
    events.push(entry.event);
  }
  return events;
}

/** Scorer and organizer work side by side, and beside a cancel: any order of theirs is right, so one of them stands for all. */
function inOneOrder(events: readonly RecordedEvent[]): readonly RecordedEvent[] {
  const isBeside = (later: RecordedEvent, before: RecordedEvent | undefined): boolean => {
    if (before === undefined) return false;
    if (isEvent(later, JobOrganisedV1))
      return [JobScoredV1, JobGatedV1, JobCancelledV1].some((c) => isEvent(before, c));
    return isEvent(later, JobScoredV1) && isEvent(before, JobCancelledV1);
  };
  const ordered: RecordedEvent[] = [];
  for (const event of events) {
    let at = ordered.length;
    while (isBeside(event, ordered[at - 1])) at -= 1;
    ordered.splice(at, 0, event);
  }
  return ordered;
}

function worded(event: RecordedEvent, assignments: Assignments): string {
  const type = event.type.replace(/^job\./, '');
  if (isEvent(event, JobAssignedV2)) return `${type}(${assignments.numberOf(event.data.executorId)})`;
  if (isEvent(event, JobAttemptFailedV2))
    return `${type}{${event.data.class}/${event.data.reason}${keys(event.data.evidence)}}`;
  if (isEvent(event, JobDeclinedV1)) return `${type}{${event.data.reason}${keys(event.data.evidence)}}`;
  if (isEvent(event, JobFailedV1)) return `${type}{${event.data.class}}`;
  if (isEvent(event, ExecutorDrainedV1)) return `${type}{${event.data.reason}}`;
  return isEvent(event, JobRetryScheduledV2) ? `${type}{${otherwise(event.data, assignments)}}` : type;
}

/** Why it is tried again, and what is to be otherwise. */
function otherwise(retry: EventData<typeof JobRetryScheduledV2>, assignments: Assignments): string {
  const { executorId, vramBytes } = assignments.of(retry.failedAttempt);
  return [
    retry.class,
    ...(retry.freeMemory ? ['memory freed'] : []),
    ...(retry.gpuBytes > vramBytes ? ['bigger GPU'] : []),
    ...(retry.variant === 'normal' ? [] : [retry.variant]),
    ...(retry.avoid.includes(executorId) ? ['elsewhere'] : []),
  ].join(', ');
}

/** What there is of evidence. */
function keys(evidence: FailureEvidence): string {
  const names = Object.keys(evidence).toSorted();
  return names.length === 0 ? '' : `: ${names.join(' ')}`;
}
