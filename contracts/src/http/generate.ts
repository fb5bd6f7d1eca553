import { z } from 'zod';
import { JobType, Seed, Uuid } from '../values/primitives.js';
import { TemplateReference } from '../values/template-manifest.js';
import { Name, NegativePrompt, PlainText, Position, ProjectName, PROMPT_LIMIT } from './fields.js';

const Size = z.int().min(8).max(16_384).multipleOf(8);

const commonFields = {
  prompt: PlainText.min(1, { abort: true })
    .max(PROMPT_LIMIT)
    .regex(/\S/, 'must not be blank')
    .meta({ description: 'what the picture shows' }),
  negativePrompt: NegativePrompt.optional().meta({ description: 'what it must not show' }),
  seed: Seed.optional().meta({ description: 'drawn when absent; the answer says which' }),
  steps: z.int().min(1).max(10_000).optional().meta({ description: 'sampling steps' }),
  cfg: z.number().min(0).max(1_000).optional().meta({ description: 'classifier-free guidance scale' }),
  width: Size.optional().meta({ description: 'pixels, a multiple of 8' }),
  height: Size.optional().meta({ description: 'pixels, a multiple of 8' }),
  sampler: Name.optional(),
  scheduler: Name.optional(),
  checkpoint: Name.optional().meta({ description: 'file name of the model as ComfyUI lists it' }),
  project: ProjectName.nullable().optional().meta({ description: 'slug or id of the project that the job belongs to' }),
  template: TemplateReference.optional().meta({
    description: 'name of a workflow template, or name@version; without version the newest',
  }),
};

const videoFields = {
  frames: z.int().min(1).max(100_000).optional().meta({ description: 'number of frames' }),
  fps: z.number().min(0.1).max(1_000).optional().meta({ description: 'frames a second' }),
};

/** Body of `POST /api/anime/generate/image`. The template says what it takes and its limits. */
export const GenerateImageRequest = z.strictObject(commonFields).meta({ id: 'GenerateImageRequest' });
export type GenerateImageRequest = z.infer<typeof GenerateImageRequest>;

/** Body of `POST /api/anime/generate/video`. */
export const GenerateVideoRequest = z
  .strictObject({ ...commonFields, ...videoFields })
  .meta({ id: 'GenerateVideoRequest' });
export type GenerateVideoRequest = z.infer<typeof GenerateVideoRequest>;

/** Body of `POST /api/anime/generate`. `frames` and `fps` only with `type: video`: no image template takes them. */
export const GenerateRequest = z
  .strictObject({ type: JobType, ...commonFields, ...videoFields })
  .meta({ id: 'GenerateRequest' });
export type GenerateRequest = z.infer<typeof GenerateRequest>;

/** The job is in the log and cannot be lost any more. */
export const JobAcknowledged = z
  .strictObject({
    jobId: Uuid,
    position: Position.meta({ description: 'place of the request in the log; `?after=` takes it' }),
    status: z.literal('requested'),
    type: JobType,
    seed: Seed,
    template: z.strictObject({ id: z.string(), version: z.int().min(1) }),
    links: z.strictObject({ self: z.string(), events: z.string(), cancel: z.string() }),
  })
  .meta({ id: 'JobAcknowledged' });
export type JobAcknowledged = z.infer<typeof JobAcknowledged>;

/** Longest reason for a cancel, in UTF-16 units. */
export const REASON_LIMIT = 2_000;

/** Body of `POST /api/anime/jobs/{id}/cancel`, which may be left out. */
export const CancelRequest = z
  .strictObject({
    reason: PlainText.min(1)
      .max(REASON_LIMIT)
      .optional()
      .meta({ description: 'why, for people; stored sealed with the key of whoever asks' }),
  })
  .meta({ id: 'CancelRequest' });
export type CancelRequest = z.infer<typeof CancelRequest>;

/** The wish to cancel is in the log. */
export const CancelAcknowledged = z
  .strictObject({ jobId: Uuid, position: Position })
  .meta({ id: 'CancelAcknowledged' });
export type CancelAcknowledged = z.infer<typeof CancelAcknowledged>;
