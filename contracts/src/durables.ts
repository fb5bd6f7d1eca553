import type { ServiceName } from './event-contract.js';

/** A durable consumer that `provision` creates: who owns it and what it is for. Executors' durables are made by their process. */
export interface DurableContract {
  readonly name: string;
  readonly service: ServiceName;
  readonly description: string;
}

export const SCORER_DURABLE: DurableContract = {
  name: 'quality-scorer',
  service: 'quality-scorer',
  description: 'measures what executed attempts made',
};
export const ORGANIZER_DURABLE: DurableContract = {
  name: 'file-organizer',
  service: 'file-organizer',
  description: 'files what executed attempts made into the library',
};
/** All durables that `provision` makes; they read the stream unfiltered and route in the process. */
export const DURABLES: readonly DurableContract[] = [SCORER_DURABLE, ORGANIZER_DURABLE];

/** The durable of one executor: one filter, `executorFilter`. */
export function executorDurable(executorId: string): string {
  return `executor-${executorId}`;
}
