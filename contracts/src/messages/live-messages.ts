import { z } from 'zod';
import { SERVICES, type ServiceName } from '../event-contract.js';
import { Attempt, Instant, Slug, Uuid } from '../values/primitives.js';

/** A message that is not part of the log: seen by whoever listens, lost for whoever does not. */
export interface MessageContract<Data extends z.ZodType = z.ZodType> {
  /** Versioned name, e.g. `progress.v1`, sent in header `ce-type`. */
  readonly name: string;
  readonly description: string;
  /** Subject with `{placeholders}`. */
  readonly subject: string;
  /** The only service that may send it, or `each`: every service, with its own name for `{service}`. */
  readonly producer: ServiceName | 'each';
  /** `stream`: kept for a while in ANIME_PROGRESS; `core`: not stored at all. */
  readonly delivery: 'stream' | 'core';
  readonly data: Data;
}

function defineMessage<Data extends z.ZodType>(contract: MessageContract<Data>): MessageContract<Data> {
  return Object.freeze(contract);
}

/** How far the running attempt of a job is. `fraction` never falls within an attempt. */
export const ProgressV1 = defineMessage({
  name: 'progress.v1',
  description: 'How far the running attempt of a job is',
  subject: 'anime-progress.{jobId}',
  producer: 'comfyui-executor',
  delivery: 'stream',
  data: z.strictObject({
    jobId: Uuid,
    attempt: Attempt,
    phase: z.enum(['waiting', 'running', 'downloading', 'ended']),
    /** 0..1 of the attempt. */
    fraction: z.number().min(0).max(1),
    node: z.string().nullable(),
    nodeTitle: z.string().nullable(),
    step: z.int().min(0).nullable(),
    steps: z.int().min(1).nullable(),
    at: Instant,
  }),
});
export type Progress = z.infer<typeof ProgressV1.data>;

/** An executor is alive, and how its ComfyUI server is. At least every 5 s. */
export const ExecutorHeartbeatV1 = defineMessage({
  name: 'executor-heartbeat.v1',
  description: 'An executor is alive, and how its ComfyUI server is',
  subject: 'anime-live.executor.{executorId}.heartbeat',
  producer: 'comfyui-executor',
  delivery: 'core',
  data: z.strictObject({
    executorId: Uuid,
    name: Slug,
    reachable: z.boolean(),
    /** Why not, when it is not reachable. */
    reason: z.string().nullable(),
    jobId: Uuid.nullable(),
    queue: z.strictObject({ running: z.int().min(0), pending: z.int().min(0) }).nullable(),
    at: Instant,
  }),
});
export type ExecutorHeartbeat = z.infer<typeof ExecutorHeartbeatV1.data>;

/** A picture of the work in progress. */
export const PreviewV1 = defineMessage({
  name: 'preview.v1',
  description: 'A picture of the work in progress',
  subject: 'anime-live.preview.{jobId}',
  producer: 'comfyui-executor',
  delivery: 'core',
  data: z.strictObject({
    jobId: Uuid,
    attempt: Attempt,
    mediaType: z.enum(['image/jpeg', 'image/png']),
    /** The picture, base64. */
    image: z.base64(),
    at: Instant,
  }),
});
export type Preview = z.infer<typeof PreviewV1.data>;

/** What one process of a service says about itself, every 2 s: what `GET /api/anime/system` shows. */
export const ServiceStatusV1 = defineMessage({
  name: 'service-status.v1',
  description: 'What one process of a service says about itself',
  subject: 'anime-live.service.{service}.{instance}.status',
  producer: 'each',
  delivery: 'core',
  data: z.strictObject({
    service: z.enum(SERVICES),
    instance: Uuid,
    version: z.string(),
    startedAt: Instant,
    ready: z.boolean(),
    checks: z.array(z.strictObject({ name: z.string(), ok: z.boolean(), reason: z.string().nullable() })),
    consumers: z.array(
      z.strictObject({
        name: z.string(),
        kind: z.enum(['projection', 'process', 'reactor']),
        /** Position up to which it has read; null for a reactor that has read nothing. */
        position: z.int().min(0).nullable(),
        /** Events still to be read. */
        lag: z.int().min(0).nullable(),
        /** `standby`: another process does this; this one is well, and takes over when that one ends. */
        state: z.enum(['starting', 'running', 'standby', 'paused', 'stopped']),
        reason: z.string().nullable(),
      }),
    ),
    at: Instant,
  }),
});
export type ServiceStatus = z.infer<typeof ServiceStatusV1.data>;

export const MESSAGE_CONTRACTS: readonly MessageContract[] = [
  ProgressV1,
  ExecutorHeartbeatV1,
  PreviewV1,
  ServiceStatusV1,
];
