import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../problems.js';

const CODES = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

/** Every error answer (RFC 9457), media type `application/problem+json`. */
export const Problem = z
  .strictObject({
    type: z.string().meta({ description: '`urn:anime:problem:<code>`' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().meta({ description: 'what is wrong this time' }),
    instance: z.string().meta({ description: 'path of the request' }),
    code: z.enum(CODES),
    retryable: z.boolean().meta({ description: 'true when the same request may succeed later' }),
    requestId: z.string().meta({ description: 'stands in the logs beside everything that this request caused' }),
    traceId: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional()
      .meta({ description: 'W3C id of the trace that the request belongs to; stands in the logs as `trace_id`' }),
    errors: z
      .array(
        z.strictObject({
          path: z.string().meta({
            description: 'JSON pointer into the body, or `path/<name>`, `query/<name>`, `header/<name>`',
          }),
          message: z.string(),
        }),
      )
      .optional()
      .meta({ description: 'each field that is wrong' }),
  })
  .meta({ id: 'Problem', description: 'an error, as RFC 9457 says it' });
export type Problem = z.infer<typeof Problem>;
