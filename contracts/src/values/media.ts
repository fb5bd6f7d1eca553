import { z } from 'zod';
import { NodeId, OutputKind, OutputKindV1, Sha256, Word } from './primitives.js';

/** One file that an attempt made, named by its content, as `job.executed.v1` has it. */
export const ExecutedOutputV1 = z.strictObject({
  node: NodeId,
  /** Place among the files of this node, from 0. */
  index: z.int().min(0),
  kind: OutputKindV1,
  role: Word,
  blob: Sha256,
  size: z.int().min(1),
  mediaType: z.string().regex(/^[a-z]+\/[a-z0-9.+-]+$/),
  /** As the server named it. */
  filename: z.string().min(1).max(1024),
});

/** One file, or text, that an attempt made, named by its content. */
export const ExecutedOutput = z.strictObject({
  ...ExecutedOutputV1.shape,
  kind: OutputKind,
  /**
   * Of a picture or an animation: SHA-256 of its decoded pixels, which two encodings of the same picture share. Over
   * `<width>x<height>x<channels>x<frames>\n` and then all frames, 8 bits a channel, interleaved, row by row. Null for
   * everything else, and for what cannot be decoded here: formats that are not, animated PNG, more than 100 megapixels a frame, more
   * than 512 MiB.
   */
  pixelSha256: Sha256.nullable(),
});
export type ExecutedOutput = z.infer<typeof ExecutedOutput>;

/** A picture that a job takes in, in the blob store; a server gets it under the name, which is its content's. */
export const InputFile = z.strictObject({
  /** The template's parameter that names it. */
  parameter: z.string().min(1),
  blob: Sha256,
  /** `<sha256>.<ext>` */
  name: z.string().regex(/^[0-9a-f]{64}\.[a-z0-9]{2,5}$/),
  size: z.int().min(1),
  mediaType: z.string().regex(/^[a-z]+\/[a-z0-9.+-]+$/),
});
export type InputFile = z.infer<typeof InputFile>;

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
