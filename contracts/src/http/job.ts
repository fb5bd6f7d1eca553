import { z } from 'zod';
import { JobDeclinedV1 } from '../events/job/declined.v1.js';
import { JobExecutedV2 } from '../events/job/executed.v2.js';
import { FAILURE_CLASSES, FailureClass, FailureEvidence } from '../values/failure.js';
import { JobStatus } from '../values/job-status.js';
import { ExecutedOutput, OrganisedFile } from '../values/media.js';
import { JobLinks } from './generate.js';
import { Attempt, Instant, JobType, NodeId, Parameters, Seed, Sha256, Uuid } from '../values/primitives.js';
import { JobLimits } from '../values/project.js';
import { MetricResult } from '../values/score.js';
import { Position, SealedText } from './fields.js';

const TemplateRef = z.strictObject({ id: z.string(), version: z.int().min(1) });
const Verdict = z.enum(['passed', 'failed']);
const { variant: Variant } = JobExecutedV2.data.shape;
const { reason: DeclineReason } = JobDeclinedV1.data.shape;

/** A job in a list. */
export const JobSummary = z
  .strictObject({
    id: Uuid,
    type: JobType,
    status: JobStatus,
    template: TemplateRef,
    project: Uuid.nullable(),
    prompt: z.string().nullable().meta({ description: 'null when the template takes none' }),
    seed: Seed,
    attempt: z.int().min(0).meta({ description: 'the current attempt; 0 before the first is assigned' }),
    executorId: Uuid.nullable().meta({ description: 'of the current attempt' }),
    verdict: Verdict.nullable(),
    cancelRequested: z.boolean(),
    requestedAt: Instant,
    acceptedAt: Instant.nullable(),
    startedAt: Instant.nullable().meta({ description: 'start of the current attempt' }),
    endedAt: Instant.nullable(),
  })
  .meta({ id: 'JobSummary' });
export type JobSummary = z.infer<typeof JobSummary>;

/** One try of a job on one executor. Facts may be known before the decision that led to them. */
export const JobAttempt = z
  .strictObject({
    attempt: Attempt,
    status: z.enum(['assigned', 'declined', 'started', 'executed', 'failed', 'lost']),
    executorId: Uuid.nullable(),
    promptId: Uuid.nullable().meta({ description: "ComfyUI's id of the run" }),
    variant: Variant.nullable(),
    vramGb: z.number().min(0).nullable().meta({ description: 'GPU memory that it was said to need, in GB' }),
    freeMemory: z.boolean().nullable().meta({ description: 'true: models of other jobs were to be unloaded first' }),
    environment: Sha256.nullable().meta({
      description:
        'what it ran in: GET /api/anime/environments/{hash}; null before it starts, or when its server did not tell',
    }),
    cached: z
      .boolean()
      .nullable()
      .meta({ description: 'true when ComfyUI answered from its cache; null until executed' }),
    cachedNodes: z.array(NodeId).nullable().meta({
      description: 'nodes whose outputs ComfyUI had from an earlier run; null until executed',
    }),
    graphHash: Sha256.nullable(),
    models: JobExecutedV2.data.shape.models
      .nullable()
      .meta({ description: 'model files that the graph names, with their content where the executor could read them' }),
    vramPeakBytes: z.number().min(0).nullable().meta({
      description: 'most memory of the GPU that was in use while it ran, by whoever; null where nobody looked',
    }),
    executionMs: z.number().min(0).nullable().meta({ description: "milliseconds by the server's clock" }),
    failure: z
      .strictObject({ class: FailureClass, reason: z.string(), message: z.string(), evidence: FailureEvidence })
      .nullable(),
    decline: z
      .strictObject({ reason: DeclineReason, message: z.string(), evidence: FailureEvidence })
      .nullable()
      .meta({ description: 'why its executor handed it back before it had begun' }),
    organiseFailure: z
      .strictObject({ code: z.string(), message: z.string() })
      .nullable()
      .meta({ description: 'why the outputs could not be filed' }),
    organisedAt: Instant.nullable().meta({
      description: 'when the outputs were filed; beside a failure to do so: by a later replay',
    }),
    gate: z
      .strictObject({
        verdict: Verdict,
        rule: z.string().meta({ description: '`none`: no gate is set' }),
        scorerBuild: z.string().nullable(),
        reason: z.string().nullable().meta({ description: 'why there were no figures to judge' }),
      })
      .nullable(),
    assignedAt: Instant.nullable(),
    startedAt: Instant.nullable(),
    endedAt: Instant.nullable(),
  })
  .meta({ id: 'JobAttempt' });
export type JobAttempt = z.infer<typeof JobAttempt>;

export const JobOutput = ExecutedOutput.extend({ attempt: Attempt }).meta({ id: 'JobOutput' });
export type JobOutput = z.infer<typeof JobOutput>;
export const JobFile = OrganisedFile.extend({ attempt: Attempt }).meta({ id: 'JobFile' });
export type JobFile = z.infer<typeof JobFile>;
export const JobScore = z
  .strictObject({
    attempt: Attempt,
    node: z.string(),
    index: z.int().min(0),
    scorerBuild: z.string(),
    scoredAt: Instant,
    metrics: z.array(MetricResult.meta({ id: 'MetricResult' })),
  })
  .meta({ id: 'JobScore' });
export type JobScore = z.infer<typeof JobScore>;

/** Why a job that is not with an executor is not. */
export const JobWaiting = z
  .strictObject({
    notBefore: Instant.nullable().meta({ description: 'earliest time of the next attempt; null: any' }),
    last: z
      .strictObject({
        attempt: Attempt,
        class: z.enum([...FAILURE_CLASSES, 'declined']),
        reason: z.string(),
        message: z.string(),
      })
      .nullable()
      .meta({ description: 'how the last attempt ended; null before the first' }),
    next: z
      .strictObject({
        variant: Variant,
        vramGb: z.number().min(0).meta({ description: 'GPU memory that it needs by all that is known, in GB' }),
        freeMemory: z.boolean(),
        avoid: z.array(Uuid).meta({ description: 'executors that get it only when there is no other' }),
      })
      .nullable()
      .meta({ description: 'how the next attempt is to differ, when a retry was scheduled' }),
    memoryHeld: z
      .array(
        z.strictObject({
          executorId: Uuid,
          neededBytes: z.number().min(0).meta({ description: 'of the job that was handed back' }),
          freeBytes: z.number().min(0).nullable().meta({ description: 'null when that was not told' }),
          message: z.string(),
          at: Instant.meta({ description: 'when it was said last' }),
        }),
      )
      .meta({
        description:
          'executors on which others held memory that this job needs, by what they last said of it or of another that waits; one such job at a time is tried there',
      }),
  })
  .meta({ id: 'JobWaiting' });
export type JobWaiting = z.infer<typeof JobWaiting>;

/** Everything about one job. */
export const Job = JobSummary.extend({
  parameters: Parameters.meta({ description: 'every parameter of the template, defaults filled in' }),
  seedSource: z.enum(['given', 'drawn']),
  failure: z.strictObject({ class: FailureClass, message: z.string() }).nullable(),
  limits: z
    .strictObject({
      maxAttempts: JobLimits.shape.maxAttempts
        .unwrap()
        .meta({ description: 'so many attempts may fail until it does' }),
      maxRunSeconds: JobLimits.shape.maxRunSeconds
        .unwrap()
        .nullable()
        .meta({ description: 'so long one attempt may take on its server; null: as long as it likes' }),
    })
    .nullable()
    .meta({ description: 'what holds for it since it was accepted; null before' }),
  waiting: JobWaiting.nullable().meta({ description: 'null unless the job is `requested` or `queued`' }),
  position: Position.meta({ description: 'place of the newest event that this answer shows' }),
  attempts: z.array(JobAttempt),
  outputs: z.array(JobOutput),
  files: z.array(JobFile).meta({ description: 'paths relative to the library' }),
  scores: z.array(JobScore),
  links: JobLinks,
}).meta({ id: 'Job' });
export type Job = z.infer<typeof Job>;

/** A page of jobs, newest request first. */
export const JobPage = z
  .strictObject({
    jobs: z.array(JobSummary),
    nextCursor: z.string().nullable().meta({ description: 'for the next page; null on the last' }),
    position: Position.meta({ description: 'how far the read-model had come' }),
  })
  .meta({ id: 'JobPage' });
export type JobPage = z.infer<typeof JobPage>;

/** One event of a job's trail. */
export const JobEvent = z
  .strictObject({
    position: Position,
    id: Uuid,
    type: z.string().meta({ description: 'name without version, as `job.started`' }),
    time: Instant,
    producer: z.string(),
    actor: z.string().meta({ description: 'opaque id of a person, or `service:<name>`' }),
    correlationId: Uuid,
    causationId: Uuid.nullable(),
    epoch: z.int().min(1).nullable().meta({ description: 'term of the deciding orchestrator' }),
    data: z.record(z.string(), z.union([SealedText, z.unknown()])).meta({
      description: "the event's data; personal text in it, as the reason of a cancel, is a `SealedText`",
    }),
  })
  .meta({ id: 'JobEvent' });
export type JobEvent = z.infer<typeof JobEvent>;

/** A job's trail in the order of the log. */
export const JobTrail = z
  .strictObject({ jobId: Uuid, events: z.array(JobEvent), position: Position })
  .meta({ id: 'JobTrail' });
export type JobTrail = z.infer<typeof JobTrail>;

/** Jobs that wait or run. */
export const Queue = z
  .strictObject({
    counts: z.record(JobStatus, z.int().min(0)).meta({ description: 'jobs of every status, ended ones too' }),
    queued: z
      .array(JobSummary)
      .meta({ description: '`queued` in the order of acceptance, then `requested` in that of request; at most 200' }),
    running: z
      .array(JobSummary)
      .meta({ description: '`assigned`, `running` or `executed`, oldest request first; at most 200' }),
    position: Position.meta({ description: 'how far the read-model had come' }),
  })
  .meta({ id: 'Queue' });
export type Queue = z.infer<typeof Queue>;
