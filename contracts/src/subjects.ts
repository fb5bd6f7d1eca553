import type { Aggregate, EventContract } from './event-contract.js';

/** The stream that holds every domain event, and the first token of its subjects. Both are parameters of event-store. */
export const EVENTS_STREAM = 'ANIME_EVENTS';
export const EVENTS_ROOT = 'anime';
/** The stream of progress messages (on disk, kept for one hour). */
export const PROGRESS_STREAM = 'ANIME_PROGRESS';
export const PROGRESS_ROOT = 'anime-progress';
/** The first token of messages that are not stored. */
export const LIVE_ROOT = 'anime-live';

/**
 * The subject of an event: `<root>.<aggregate>.<id>.<producer>`, with the executor's id or `accepted` appended
 * where the contract says so.
 * @throws when a contract of form `executor` has no `executorId` in its data
 */
export function eventSubject(root: string, contract: EventContract, aggregateId: string, data: unknown): string {
  const plain = `${root}.${contract.aggregate}.${aggregateId}.${contract.producer}`;
  switch (contract.subjectForm) {
    case 'plain':
      return plain;
    case 'accepted':
      return `${plain}.accepted`;
    case 'executor': {
      const executorId = (data as { executorId?: unknown }).executorId;
      if (typeof executorId !== 'string') throw new Error(`${contract.name} needs data.executorId for its subject`);
      return `${plain}.${executorId}`;
    }
  }
}

/** Every subject that events of this contract may lie on: what its producer may publish to. */
export function eventFilter(root: string, contract: EventContract): string {
  return eventSubject(root, contract, '*', { executorId: '*' });
}

/** Every event of one aggregate: what a decision's expectation covers. */
export function aggregateFilter(root: string, aggregate: Aggregate, aggregateId: string): string {
  return `${root}.${aggregate}.${aggregateId}.>`;
}

/** Every event of every aggregate of one kind. */
export function kindFilter(root: string, aggregate: Aggregate): string {
  return `${root}.${aggregate}.>`;
}

/** What one executor must obey: the filter of its durable. */
export function executorFilter(root: string, executorId: string): string {
  return `${root}.job.*.orchestrator.${executorId}`;
}
