import type { ServiceName } from './event-contract.js';

/** The services that read the whole log, by consumers of their own that last as long as they read. */
export const LOG_READERS: readonly ServiceName[] = ['gateway', 'orchestrator', 'progress-relay'];

/**
 * So many consumers of the log a service may have at a time, in all its processes; those of a process that was killed count for half a
 * minute. They have fixed names, as NATS can permit a consumer by its whole name only.
 */
export const READERS_PER_SERVICE = 32;

/** The services that follow the stream of progress messages. */
export const PROGRESS_READERS: readonly ServiceName[] = ['progress-relay'];

/** @param n from 1 to `READERS_PER_SERVICE` */
export function logReaderName(service: string, n: number): string {
  return `${service}-reader-${n}`;
}

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

/** Of every executor's durable; its process says `working()` at a third of it. */
export const EXECUTOR_ACK_WAIT_MS = 10_000;

/** The durable of one executor: one filter, `executorFilter`. */
export function executorDurable(executorId: string): string {
  return `executor-${executorId}`;
}
