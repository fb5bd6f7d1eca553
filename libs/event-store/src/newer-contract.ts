import type { Aggregate } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import type { LogEntry } from './log-entry.js';

/** The entry of a version that this build cannot read. */
export type NewerEntry = Extract<LogEntry, { readonly status: 'newer' }>;

/** Says that whoever needs this event must stop in front of it. */
export function newerEntry({ name, position }: Pick<NewerEntry, 'name' | 'position'>): ProblemError {
  return new ProblemError(
    'newer-contract',
    `position ${position} holds ${name}, which is newer than this build knows: deploy a build that reads it`,
  );
}

/** Says that nothing may be decided about an aggregate without an event that only a newer build can read. */
export function newerContract(
  aggregate: Aggregate,
  aggregateId: string,
  { name, position }: Pick<NewerEntry, 'name' | 'position'>,
): ProblemError {
  return new ProblemError(
    'newer-contract',
    `${aggregate} ${aggregateId} has a ${name} at position ${position}, newer than this build knows`,
  );
}
