import { z } from 'zod';

/**
 * How the replay of a given-up event ended, other than by being given up again.
 * `handled`: its effect is in the log. `not-current`: nothing was done, as the effect was there already or is no longer
 * wanted, e.g. because the attempt was given up meanwhile.
 */
export const ReplayOutcome = z.enum(['handled', 'not-current']);
export type ReplayOutcome = z.infer<typeof ReplayOutcome>;
