import type { ConsumerTable, ProcessRow } from '@anime/messaging';
import type { JobEvents } from './adapters/job-events.js';
import { SHOWN_EVENTS } from './domain/job-view/job-view.js';
import type { Viewers } from './viewers/viewers.js';

/** All that the progress-relay reads of the log, and how. Progress itself is not in the log (`ProgressStream`). */
export function consumers(events: JobEvents, viewers: Viewers, keys: ProcessRow): ConsumerTable {
  return [
    {
      kind: 'projection',
      name: 'job-status',
      events: SHOWN_EVENTS,
      maxBatch: 500,
      loadCheckpoint: async ({ refused }) => {
        if (refused === undefined) return events.checkpoint();
        // First the place where live events begin: what viewers are then shown of the other log has no gap to them.
        const checkpoint = await events.beginAnew();
        viewers.onAnotherLog();
        return checkpoint;
      },
      onBatch: async ({ entries, checkpoint }) => {
        viewers.onEntries(entries);
        events.reached(checkpoint);
      },
    },
    keys,
  ];
}
