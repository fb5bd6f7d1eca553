import { z } from 'zod';
import { NodeId, OutputKind, Sha256, Word } from './primitives.js';

/** One file that an attempt made, named by its content. */
export const ExecutedOutput = z.strictObject({
  node: NodeId,
  /** Place among the files of this node, from 0. */
  index: z.int().min(0),
  kind: OutputKind,
  role: Word,
  blob: Sha256,
  size: z.int().min(1),
  mediaType: z.string().regex(/^[a-z]+\/[a-z0-9.+-]+$/),
  /** As the server named it. */
  filename: z.string().min(1).max(1024),
});
export type ExecutedOutput = z.infer<typeof ExecutedOutput>;

/** One file in the library. */
export const OrganisedFile = z.strictObject({
  role: z.enum(['output', 'thumbnail', 'sidecar']),
  /** Relative to the library's root, `/` between segments. */
  path: z.string().min(1).max(1024),
  sha256: Sha256,
  size: z.int().min(1),
  mediaType: z.string(),
  width: z.int().min(1).optional(),
  height: z.int().min(1).optional(),
  frames: z.int().min(1).optional(),
  /** The output that this file is or belongs to. */
  node: NodeId,
  index: z.int().min(0),
});
export type OrganisedFile = z.infer<typeof OrganisedFile>;
