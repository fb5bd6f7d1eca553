import { WorkflowRegisteredV2 } from '@anime/contracts';
import { isEvent, kindUntilNow, type EventLog, type LogEntry } from '@anime/event-store';
import type { ProcessRow } from '@anime/messaging';
import type { TemplateRegistry } from './template-registry.js';

/**
 * The row of a consumer table that keeps the templates: at every start from the events of workflows alone, as they must be
 * known without PostgreSQL, then live from the end of the log on.
 * @param registerTemplates called whenever they are read anew: the log may be another one than before, in which the built-in
 *   templates are not registered
 */
export function templateRow(
  templates: TemplateRegistry,
  log: Pick<EventLog, 'end' | 'read' | 'readKind'>,
  registerTemplates: () => void,
): ProcessRow {
  const take = (entries: readonly LogEntry[]): void => {
    for (const entry of entries) {
      if (entry.status === 'event' && isEvent(entry.event, WorkflowRegisteredV2)) templates.add(entry.event);
    }
  };
  return {
    kind: 'process',
    name: 'template-registry',
    events: [WorkflowRegisteredV2],
    maxBatch: 1_000,
    loadCheckpoint: async () => {
      templates.restart();
      const { entries, checkpoint } = await kindUntilNow(log, 'workflow');
      take(entries);
      templates.markCaughtUp();
      // Not before the log could be read: this is tried again and again while it is away.
      registerTemplates();
      return checkpoint;
    },
    onBatch: async ({ entries }) => take(entries),
  };
}
