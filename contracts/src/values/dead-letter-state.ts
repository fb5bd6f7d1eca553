import { z } from 'zod';

/**
 * Where a dead letter stands. `open`: somebody has to look. `replayed`: its consumer was asked to handle the event again and
 * has not answered yet; failing again makes it `open`. `settled`: a replay was handled, or found nothing left to do.
 * `discarded`: somebody wants nothing more to be done.
 */
export const DEAD_LETTER_STATES = ['open', 'replayed', 'settled', 'discarded'] as const;
export const DeadLetterState = z.enum(DEAD_LETTER_STATES);
export type DeadLetterState = z.infer<typeof DeadLetterState>;
