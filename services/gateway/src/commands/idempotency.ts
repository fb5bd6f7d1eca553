import { JobRequestedV3, type EventData, type JobLimits, type JobType } from '@anime/contracts';
import { canonicalJson, deriveId, newerContract, sha256Hex, type EventLog } from '@anime/event-store';
import { ProblemError } from '@anime/problem-details';

/** A stored request for a job. */
export interface StoredRequest {
  readonly position: number;
  readonly job: EventData<typeof JobRequestedV3>;
}

/** Id of the job that this caller asks for with this `Idempotency-Key` (architecture §6): a repeat has the same. */
export function jobIdOfKey(actor: string, key: string): string {
  return deriveId(actor, 'job', key);
}

/** What makes two requests the same: all that was asked for, whatever the order of its fields. SHA-256 in hex. */
export function requestHashOf(request: {
  readonly type: JobType;
  readonly template?: string | undefined;
  readonly project?: string | null | undefined;
  readonly limits?: JobLimits | undefined;
  readonly parameters: Readonly<Record<string, unknown>>;
}): string {
  const { type, template = null, project = null, limits, parameters } = request;
  // Requests of before there were limits keep their hash.
  return sha256Hex(canonicalJson({ type, template, project, parameters, ...(limits === undefined ? {} : { limits }) }));
}

/**
 * The request that a job began with, if it is there already.
 * @throws ProblemError `idempotency-key-reused` when it asked for something else; `newer-contract`
 */
export async function storedRequest(
  log: EventLog,
  jobId: string,
  requestHash: string,
): Promise<StoredRequest | undefined> {
  if ((await log.lastOfAggregate('job', jobId)) === undefined) return undefined;
  for await (const entry of log.readAggregate('job', jobId)) {
    if (entry.status === 'newer' && entry.type === JobRequestedV3.type) throw newerContract('job', jobId, entry);
    if (entry.status !== 'event' || entry.event.type !== JobRequestedV3.type) continue;
    const job = entry.event.data as EventData<typeof JobRequestedV3>; // of this type
    if (job.requestHash === requestHash) return { position: entry.position, job };
    throw new ProblemError('idempotency-key-reused', `this key asked for job ${jobId} with another request`, {
      errors: [{ path: 'header/idempotency-key', message: 'was used for another request' }],
    });
  }
  return undefined;
}
