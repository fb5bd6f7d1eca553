import type { Ineffective, Projection, RowChange, RowRef } from '@anime/projections';
import { DEAD_LETTER_EVENTS, type DeadLetterEvent } from '../../domain/dead-letter/dead-letter.evolve.js';
import { put, ref } from '../changes.js';
import { rowAfter } from './dead-letter-row.js';
import { DEAD_LETTERS, DEAD_LETTERS_TABLES, VOIDS } from './tables.js';

/** The `dead-letters` read-model: what needs a person's look, given-up events and messages without effect. */
export const deadLettersProjection: Projection<DeadLetterEvent> = {
  name: 'dead-letters',
  version: 1,
  tables: DEAD_LETTERS_TABLES,
  events: DEAD_LETTER_EVENTS,

  load(event): readonly RowRef[] {
    return [ref(DEAD_LETTERS, { id: event.aggregateId })];
  },

  apply(rows, event): readonly RowChange[] {
    const row = rows.get(DEAD_LETTERS, { id: event.aggregateId });
    const after = rowAfter(row, event);
    return after === undefined || after === row ? [] : [put(DEAD_LETTERS, after)];
  },

  applyIneffective(entry: Ineffective): readonly RowChange[] {
    const { position } = entry;
    if (entry.status === 'void') {
      const { subject, reason, size } = entry;
      return [put(VOIDS, { position, kind: 'void', subject, reason, size })];
    }
    const { event, term } = entry;
    const reason = `${event.storedName} was decided in term ${event.epoch ?? 0}, after term ${term} had begun`;
    const subject = `${event.aggregate}/${event.aggregateId}`;
    return [put(VOIDS, { position, kind: 'fenced', subject, reason, size: null })];
  },
};
