import { z } from 'zod';
import { Sha256, Word } from './primitives.js';

/** One metric of one output: a figure, or the reason why there is none. Never a substitute (law 10). */
export const MetricResult = z.discriminatedUnion('status', [
  z.strictObject({
    status: z.literal('measured'),
    id: Word,
    version: Word,
    value: z.number(),
    unit: z.string(),
    method: z.string(),
    evidence: z.record(z.string(), z.number()).optional(),
    modelSha256: Sha256.optional(),
  }),
  z.strictObject({
    status: z.literal('unavailable'),
    id: Word,
    version: Word,
    reason: z.string().min(1),
    /** What would make it measurable, e.g. a file to put in place. */
    enabledBy: z.string().optional(),
  }),
]);
export type MetricResult = z.infer<typeof MetricResult>;
