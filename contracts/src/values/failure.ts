import { z } from 'zod';

/** Why an attempt failed. The class alone decides what follows. */
export const FAILURE_CLASSES = [
  'transient',
  'executor-lost',
  'oom',
  'gpu-fault',
  'invalid',
  'missing-model',
  'missing-node',
  'timeout',
  'internal',
  'cancelled',
] as const;
export const FailureClass = z.enum(FAILURE_CLASSES);
export type FailureClass = z.infer<typeof FailureClass>;

/** What the server said, as `job.attempt-failed.v1` has it. */
export const FailureEvidenceV1 = z.strictObject({
  nodeId: z.string().optional(),
  nodeType: z.string().optional(),
  exceptionType: z.string().optional(),
  exceptionMessage: z.string().max(20_000).optional(),
  traceback: z.array(z.string().max(4_000)).max(100).optional(),
  httpStatus: z.int().optional(),
  /** The server's own error body, or the part of it that fits. */
  response: z.string().max(20_000).optional(),
});

/** Memory of the GPU in bytes, each as far as somebody told it. */
export const MemoryEvidence = z.strictObject({
  totalBytes: z.number().min(0).optional(),
  freeBytes: z.number().min(0).optional(),
  /** What the server had taken when it failed. */
  allocatedBytes: z.number().min(0).optional(),
  /** What it asked for and did not get. */
  requestedBytes: z.number().min(0).optional(),
  /** What the job was said to need. */
  neededBytes: z.number().min(0).optional(),
});
export type MemoryEvidence = z.infer<typeof MemoryEvidence>;

/** What the server said, kept so that nobody has to read a log to learn why. */
export const FailureEvidence = z.strictObject({
  ...FailureEvidenceV1.shape,
  memory: MemoryEvidence.optional(),
});
export type FailureEvidence = z.infer<typeof FailureEvidence>;
