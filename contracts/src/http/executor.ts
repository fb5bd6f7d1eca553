import { z } from 'zod';
import { ExecutorDrainedV1 } from '../events/executor/drained.v1.js';
import { ExecutorEnvironmentChangedV1 } from '../events/executor/environment-changed.v1.js';
import { Attempt, Instant, Sha256, Uuid } from '../values/primitives.js';
import { JobStatus } from '../values/job-status.js';
import { Position, SealedText } from './fields.js';
import { Reason } from './generate.js';

/** Whether an executor gets work; of several reasons why not, the gravest. */
export const EXECUTOR_STATES = ['ready', 'paused', 'drained', 'lost'] as const;
export const ExecutorState = z.enum(EXECUTOR_STATES);
export type ExecutorState = z.infer<typeof ExecutorState>;

/** A ComfyUI server and the process that serves it, by what the log says. */
export const Executor = z
  .strictObject({
    id: Uuid,
    name: z.string(),
    comfyuiVersion: z.string(),
    simulator: z.boolean(),
    devices: z
      .array(z.strictObject({ name: z.string(), vramBytes: z.number().min(0) }))
      .meta({ description: 'its GPUs' }),
    state: ExecutorState.meta({ description: '`ready`: it gets work' }),
    paused: z
      .strictObject({ since: Instant, by: z.string(), reason: SealedText.nullable() })
      .nullable()
      .meta({ description: 'somebody wants it to get no work, until somebody resumes it; what it has goes on' }),
    drained: z
      .strictObject({
        since: Instant,
        reason: ExecutorDrainedV1.data.shape.reason,
        message: z.string(),
      })
      .nullable()
      .meta({
        description:
          'its server runs nothing any more, or its GPU had a fault; over when that was started anew, or somebody resumes it',
      }),
    lost: z.strictObject({ since: Instant }).nullable().meta({
      description:
        'nothing is heard of it, or its ComfyUI does not answer it; over when it is heard with one that answers',
    }),
    environment: Sha256.nullable().meta({ description: 'what runs on it now; null: it has not told' }),
    registeredAt: Instant.meta({ description: 'when it was met, or its server was met after a restart' }),
    openAttempts: z
      .array(z.strictObject({ jobId: Uuid, attempt: Attempt, status: JobStatus, startedAt: Instant.nullable() }))
      .meta({ description: 'what it has or runs, oldest job first' }),
    links: z.strictObject({
      self: z.string(),
      pause: z.string(),
      resume: z.string(),
      environment: z.string().nullable(),
    }),
  })
  .meta({ id: 'Executor' });
export type Executor = z.infer<typeof Executor>;

/** Every executor that ever registered, by name. */
export const ExecutorList = z
  .strictObject({
    executors: z.array(Executor),
    position: Position.meta({ description: 'how far the read-model had come' }),
  })
  .meta({ id: 'ExecutorList' });
export type ExecutorList = z.infer<typeof ExecutorList>;

/** What runs, or ran, on servers. Two that say the same of themselves have the same. */
export const Environment = z
  .strictObject({
    ...ExecutorEnvironmentChangedV1.data.shape,
    firstSeenAt: Instant,
    firstExecutorId: Uuid.meta({ description: 'whose server had it first' }),
  })
  .meta({ id: 'Environment' });
export type Environment = z.infer<typeof Environment>;

/** Body of `POST /api/anime/executors/{id}/pause`, which may be left out. */
export const PauseRequest = z.strictObject({ reason: Reason }).meta({ id: 'PauseRequest' });
export type PauseRequest = z.infer<typeof PauseRequest>;

/** The wish is in the log. */
export const ExecutorAcknowledged = z
  .strictObject({ executorId: Uuid, position: Position })
  .meta({ id: 'ExecutorAcknowledged' });
export type ExecutorAcknowledged = z.infer<typeof ExecutorAcknowledged>;
