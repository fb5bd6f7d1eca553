import { v7 } from 'uuid';

/** A new id, ordered by time (RFC 9562, version 7). For the shell only: deciders get their ids with the command. */
export function uuidv7(): string {
  return v7();
}
