import { CATALOGUE } from '@anime/contracts';
import type { RecordedEvent } from '@anime/event-store/pure';
import type { JobEvent } from './job.state.js';

const JOB_TYPES: ReadonlySet<string> = new Set(
  CATALOGUE.contracts.filter((contract) => contract.aggregate === 'job').map((contract) => contract.type),
);

/** True for every event of the job aggregate that this build knows. */
export function isJobEvent(event: RecordedEvent): event is JobEvent & RecordedEvent {
  return JOB_TYPES.has(event.type);
}
