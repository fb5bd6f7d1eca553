import { uuidv7, type EventMeta } from '@anime/event-store';

/** Whose command it is, and what it belongs to. */
export interface Origin {
  /** Opaque id of the caller (law 11). */
  readonly actor: string;
  /** Goes into every event that the command causes; the id of its own event when absent. */
  readonly correlationId?: string | undefined;
}

/** The envelope of the event that a command leads to. @param time its `ce-time` */
export function eventMeta({ actor, correlationId }: Origin, time: string): EventMeta {
  const id = uuidv7();
  return { id, time, correlationId: correlationId ?? id, actor };
}
