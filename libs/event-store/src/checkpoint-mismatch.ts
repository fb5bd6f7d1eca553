import { ProblemError } from '@anime/problem-details';
import type { Checkpoint } from './event-log.js';

/**
 * The checkpoint was not made from this log: another event stands there, or the log is shorter (an older copy restored).
 * @param found checkpoint id of what stands at the position now, undefined when nothing does
 */
export function checkpointMismatch(checkpoint: Checkpoint, found: string | undefined): ProblemError {
  const now =
    found === undefined
      ? 'which the log does not have'
      : `where the log has ${found === '' ? 'a message without id' : found}`;
  return new ProblemError(
    'checkpoint-mismatch',
    `the checkpoint names event ${checkpoint.eventId === '' ? 'without id' : checkpoint.eventId} at position ${checkpoint.position}, ${now}: ` +
      'what was read comes from another log; rebuild it from position 0',
  );
}
