import type { DeadLetter, DeadLetterDetail, LoggedEvent, VoidMessage } from '@anime/contracts/http';
import { json, shortened, table } from './table.js';

/** Dead letters as one line each. */
export function deadLettersTable(letters: readonly Readonly<DeadLetter>[]): string {
  return table(
    ['ID', 'STATE', 'CONSUMER', 'EVENT', 'OF', 'GIVEN UP', 'REPLAYS', 'WHY'],
    letters.map((letter) => [
      letter.id,
      letter.state,
      letter.consumer,
      letter.eventName,
      letter.aggregateId,
      letter.lastParkedAt,
      String(letter.replays),
      shortened(`${letter.error.code}: ${letter.error.message}`, 60),
    ]),
  );
}

/** Messages without effect as one line each. */
export function voidsTable(messages: readonly Readonly<VoidMessage>[]): string {
  return table(
    ['POSITION', 'KIND', 'BYTES', 'SUBJECT', 'REASON'],
    messages.map(({ position, kind, size, subject, reason }) => [
      String(position),
      kind,
      size === null ? '-' : String(size),
      shortened(subject, 100),
      shortened(reason, 100),
    ]),
  );
}

type Shown = Omit<DeadLetterDetail, 'trail' | 'event'> & {
  readonly trail: readonly Readonly<LoggedEvent>[];
  readonly event: Readonly<LoggedEvent> | null;
};

/** A dead letter as a page of text. */
export function describeDeadLetter(letter: Readonly<Shown>): string {
  const { id, consumer, eventName, eventId, aggregateId, error, discardReason, event } = letter;
  const facts: readonly (readonly [string, string])[] = [
    ['state', letter.state],
    ['consumer', consumer],
    ['event', `${eventName} ${eventId}${event === null ? ', not in the log' : `, position ${event.position}`}`],
    ['of', aggregateId],
    ['error', `${error.code}: ${error.message}`],
    ['tried', `${letter.deliveries} times; given up ${letter.parkings} times, replayed ${letter.replays} times`],
    ...(discardReason === null
      ? []
      : [['reason', discardReason.text ?? `cannot be shown (${discardReason.unavailable})`] as const]),
  ];
  return `${[
    `Dead letter ${id}`,
    ...facts.map(([name, value]) => `  ${name.padEnd(10)}${value}`),
    letter.explanation,
    ...next(letter),
    'Trail',
    ...letter.trail.map(({ time, type, actor }) => `  ${time}  ${type}  by ${actor}`),
    ...(event === null ? [] : ['Data of the event', json(event.data).trimEnd()]),
  ].join('\n')}\n`;
}

function next({ id, state }: Readonly<Shown>): string[] {
  if (state !== 'open') return [];
  return [`  npm run anime -- dead-letters replay ${id}`, `  npm run anime -- dead-letters discard ${id}`];
}
