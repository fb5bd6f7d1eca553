import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { FailureEvidence } from '../../values/failure.js';
import { Attempt, Uuid } from '../../values/primitives.js';

/** The executor hands an attempt back that it has not begun: its server cannot run it, or not now. */
export const JobDeclinedV1 = defineEvent({
  type: 'job.declined',
  version: 1,
  aggregate: 'job',
  producer: 'comfyui-executor',
  description: 'The executor hands an attempt back that it has not begun: its server cannot run it, or not now.',
  data: z.strictObject({
    attempt: Attempt,
    executorId: Uuid,
    promptId: Uuid,
    /**
     * `too-little-memory`: its GPU has less than the job needs. `no-memory`: others hold what it needs. `missing-node`,
     * `missing-model`: the server does not have it. `worker-stopped`: the server answers but runs nothing.
     */
    reason: z.enum(['too-little-memory', 'no-memory', 'missing-node', 'missing-model', 'worker-stopped']),
    message: z.string().min(1),
    evidence: FailureEvidence,
  }),
});
