import { WorkflowRegisteredV1 } from '@anime/contracts';
import { endOfLog, isEvent, newerEntry, type EventLog, type LogEntry } from '@anime/event-store';
import type { ProcessRow } from '@anime/messaging';
import type { TemplateRegistry } from './template-registry.js';

/**
 * The row of the consumer table that fills the registry of templates: at first with the events of workflows alone, however
 * long the log is, then live from its end on. At every start, as templates must be known without PostgreSQL.
 * @param register called whenever it begins: the log may be another one than before, in which the built-in templates are
 *   not registered
 */
export function templateRow(
  templates: TemplateRegistry,
  log: Pick<EventLog, 'end' | 'read' | 'readKind'>,
  register: () => void,
): ProcessRow {
  const take = (entry: LogEntry): void => {
    if (entry.status === 'event' && isEvent(entry.event, WorkflowRegisteredV1)) templates.add(entry.event);
  };
  return {
    kind: 'process',
    name: 'template-registry',
    events: [WorkflowRegisteredV1],
    maxBatch: 1_000,
    loadCheckpoint: async () => {
      templates.restart();
      // First the place to go on from, so that nothing falls between; what is read twice changes nothing.
      const checkpoint = await endOfLog(log);
      register();
      for await (const entry of log.readKind('workflow')) {
        if (entry.status === 'newer') throw newerEntry(entry);
        take(entry);
      }
      return checkpoint;
    },
    onBatch: async ({ entries, caughtUp }) => {
      for (const entry of entries) take(entry);
      if (caughtUp) templates.markCaughtUp();
    },
  };
}
