import { z } from 'zod';
import { JobLimits } from '../values/project.js';
import { JobType, Seed, Sha256, Uuid } from '../values/primitives.js';
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
  image: Sha256.optional().meta({
    description: 'the picture to start from, for a template that takes one: `sha256` of `POST /api/anime/inputs`',
  }),
  denoise: z.number().min(0).max(1).optional().meta({ description: 'how much of the picture is made anew: 0 to 1' }),
  limits: z
    .strictObject({
      maxAttempts: JobLimits.shape.maxAttempts.meta({
        description:
          'so many attempts may fail until the job does; those that were handed back, or lost with their executor, do not count',
      }),
      maxRunSeconds: JobLimits.shape.maxRunSeconds.meta({ description: 'so long one attempt may take on its server' }),
    })
    .optional()
    .meta({ description: "what is absent is as in the project's settings" }),
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

/** Where a job, its trail and its commands are. */
export const JobLinks = z.strictObject({
  self: z.string(),
  events: z.string(),
  cancel: z.string(),
  retry: z.string(),
});
export type JobLinks = z.infer<typeof JobLinks>;

/** The job is in the log and cannot be lost any more. */
export const JobAcknowledged = z
  .strictObject({
    jobId: Uuid,
    position: Position.meta({ description: 'place of the request in the log; `?after=` takes it' }),
    status: z.literal('requested'),
    type: JobType,
    seed: Seed,
    template: z.strictObject({ id: z.string(), version: z.int().min(1) }),
    links: JobLinks,
  })
  .meta({ id: 'JobAcknowledged' });
export type JobAcknowledged = z.infer<typeof JobAcknowledged>;

/** Longest reason for a command, in UTF-16 units. */
export const REASON_LIMIT = 2_000;
/** Why somebody wants something: personal. */
export const Reason = PlainText.min(1)
  .max(REASON_LIMIT)
  .optional()
  .meta({ description: 'why, for people; stored sealed with the key of whoever asks' });

/** Body of `POST /api/anime/jobs/{id}/cancel`, which may be left out. */
export const CancelRequest = z
  .strictObject({
    reason: Reason,
  })
  .meta({ id: 'CancelRequest' });
export type CancelRequest = z.infer<typeof CancelRequest>;

/** The wish to cancel is in the log. */
export const CancelAcknowledged = z
  .strictObject({ jobId: Uuid, position: Position })
  .meta({ id: 'CancelAcknowledged' });
export type CancelAcknowledged = z.infer<typeof CancelAcknowledged>;

/** Body of `POST /api/anime/jobs/{id}/retry`, which may be left out. */
export const RetryRequest = z.strictObject({ reason: Reason }).meta({ id: 'RetryRequest' });
export type RetryRequest = z.infer<typeof RetryRequest>;

/** The wish to have the job tried again is in the log. */
export const RetryAcknowledged = z.strictObject({ jobId: Uuid, position: Position }).meta({ id: 'RetryAcknowledged' });
export type RetryAcknowledged = z.infer<typeof RetryAcknowledged>;

/** Media types of pictures that jobs take in. */
export const INPUT_MEDIA_TYPES = ['image/png', 'image/jpeg', 'image/webp'] as const;
export type InputMediaType = (typeof INPUT_MEDIA_TYPES)[number];
/** Largest picture that jobs take in, in bytes. */
export const INPUT_LIMIT = 64 * 1024 * 1024;
/** Of a picture that a job takes in, at most. */
export const INPUT_PIXELS = 100_000_000;

/** A picture that jobs can take in, in the blob store. */
export const InputStored = z
  .strictObject({
    sha256: Sha256.meta({ description: 'what a parameter that takes a picture is given' }),
    mediaType: z.enum(INPUT_MEDIA_TYPES),
    size: z.int().min(1).meta({ description: 'bytes' }),
    width: z.int().min(1).meta({ description: 'pixels' }),
    height: z.int().min(1).meta({ description: 'pixels' }),
  })
  .meta({ id: 'InputStored' });
export type InputStored = z.infer<typeof InputStored>;
