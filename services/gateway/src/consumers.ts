import { WorkflowRegisteredV1 } from '@anime/contracts';
import { isEvent } from '@anime/event-store';
import type { ConsumerTable, ProcessRow } from '@anime/messaging';
import { projectionRow, type Database } from '@anime/projections';
import { PROJECTIONS } from './projections/index.js';
import type { TemplateRegistry } from './templates/template-registry.js';

/** What a person types when a read-model does not belong to the log. */
const REBUILD = 'npm run rebuild -w @anime/gateway';

/**
 * All that the gateway reads, and how.
 * @param registerTemplates called whenever the log is read from its beginning: it may be another one than before, in which
 *   the built-in templates are not registered
 */
export function consumers(
  database: Database,
  templates: TemplateRegistry,
  keys: ProcessRow,
  registerTemplates: () => void,
): ConsumerTable {
  return [
    ...PROJECTIONS.map((projection) => projectionRow(projection, database, REBUILD)),
    {
      kind: 'process',
      name: 'template-registry',
      events: [WorkflowRegisteredV1],
      maxBatch: 1_000,
      // From the beginning at every start: the templates must be known without PostgreSQL, and are few.
      loadCheckpoint: async () => {
        templates.restart();
        registerTemplates();
        return { position: 0, eventId: '' };
      },
      onBatch: async ({ entries, caughtUp }) => {
        for (const entry of entries) {
          if (entry.status === 'event' && isEvent(entry.event, WorkflowRegisteredV1)) templates.add(entry.event);
        }
        if (caughtUp) templates.markCaughtUp();
      },
    },
    keys,
  ];
}
