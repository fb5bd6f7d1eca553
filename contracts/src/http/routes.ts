import { z } from 'zod';
import type { ProblemCode } from '../problems.js';
import {
  CancelAcknowledged,
  CancelRequest,
  GenerateImageRequest,
  GenerateRequest,
  GenerateVideoRequest,
  INPUT_LIMIT,
  INPUT_PIXELS,
  INPUT_MEDIA_TYPES,
  InputStored,
  JobAcknowledged,
  RetryAcknowledged,
  RetryRequest,
} from './generate.js';
import { DEAD_LETTER_ROUTES } from './dead-letter-routes.js';
import { EXECUTOR_ROUTES } from './executor-routes.js';
import { Job, JobPage, JobTrail, Queue } from './job.js';
import {
  AfterQuery,
  CommandHeaders,
  JobListQuery,
  JobParams,
  JobQuery,
  SubmitHeaders,
  SubmitQuery,
} from './parameters.js';
import { KEY_ROUTES } from './key-routes.js';
import { APPEND_PROBLEMS, BODY_PROBLEMS, READ_PROBLEMS, SEAL_PROBLEMS } from './problem-sets.js';
import { PROJECT_ROUTES } from './project-routes.js';
import { buildOpenApi, type OpenApiDocument } from './openapi.js';
import { defineRoute, type Route, type RouteAnswer, type RouteHeader } from './route.js';
import { SystemStatus } from './system.js';

const SUBMIT_PROBLEMS: readonly ProblemCode[] = [
  ...BODY_PROBLEMS,
  'project-not-found',
  'project-archived',
  'template-not-found',
  'parameter-invalid',
  'idempotency-key-reused',
  'queue-full',
  'newer-contract',
  'storage-failed',
  ...APPEND_PROBLEMS,
];

const SUBMITTED_HEADERS = {
  Location: { description: 'where the job can be read', schema: z.string() },
  'Idempotency-Replayed': {
    description: '`true`: this key had asked for this before; nothing new was stored',
    schema: z.literal('true'),
    optional: true,
  },
} as const satisfies Record<string, RouteHeader>;

const SUBMIT_ANSWERS: Readonly<Record<number, RouteAnswer>> = {
  200: { description: 'The job ended while the request waited for it.', schema: Job, headers: SUBMITTED_HEADERS },
  202: {
    description: 'The job is in the log; it cannot be lost any more.',
    schema: JobAcknowledged,
    headers: SUBMITTED_HEADERS,
  },
};

/** Every operation of the gateway's API, by operation id. */
export const ROUTES = {
  generateImage: defineRoute({
    operationId: 'generateImage',
    method: 'post',
    path: '/api/anime/generate/image',
    tag: 'generate',
    summary: 'Ask for a picture',
    scope: 'jobs:write',
    query: SubmitQuery,
    headers: SubmitHeaders,
    body: GenerateImageRequest,
    answers: SUBMIT_ANSWERS,
    problems: SUBMIT_PROBLEMS,
  }),
  generateVideo: defineRoute({
    operationId: 'generateVideo',
    method: 'post',
    path: '/api/anime/generate/video',
    tag: 'generate',
    summary: 'Ask for a clip',
    scope: 'jobs:write',
    query: SubmitQuery,
    headers: SubmitHeaders,
    body: GenerateVideoRequest,
    answers: SUBMIT_ANSWERS,
    problems: SUBMIT_PROBLEMS,
  }),
  generate: defineRoute({
    operationId: 'generate',
    method: 'post',
    path: '/api/anime/generate',
    tag: 'generate',
    summary: 'Ask for a picture or a clip',
    scope: 'jobs:write',
    query: SubmitQuery,
    headers: SubmitHeaders,
    body: GenerateRequest,
    answers: SUBMIT_ANSWERS,
    problems: SUBMIT_PROBLEMS,
  }),
  storeInput: defineRoute({
    operationId: 'storeInput',
    method: 'post',
    path: '/api/anime/inputs',
    tag: 'inputs',
    summary: 'Store a picture that jobs take in',
    scope: 'jobs:write',
    description: `The body is the picture itself, of ${INPUT_LIMIT / 1024 / 1024} MiB and ${INPUT_PIXELS / 1e6} megapixels at most; it is decoded once, and kept when that succeeds. The same picture again is the same input. Jobs name it by its \`sha256\`.`,
    file: { mediaTypes: INPUT_MEDIA_TYPES, limit: INPUT_LIMIT },
    answers: { 201: { description: 'It is in the blob store.', schema: InputStored } },
    problems: [
      'validation-failed',
      'bad-json',
      'body-too-large',
      'unsupported-media-type',
      'input-invalid',
      'storage-failed',
    ],
  }),
  listJobs: defineRoute({
    operationId: 'listJobs',
    method: 'get',
    path: '/api/anime/jobs',
    tag: 'jobs',
    summary: 'List jobs, newest first',
    scope: 'jobs:read',
    query: JobListQuery,
    answers: { 200: { description: 'A page of jobs.', schema: JobPage } },
    problems: [...READ_PROBLEMS, 'bad-cursor'],
  }),
  getJob: defineRoute({
    operationId: 'getJob',
    method: 'get',
    path: '/api/anime/jobs/{id}',
    tag: 'jobs',
    summary: 'Read a job',
    scope: 'jobs:read',
    description:
      'A job that was acknowledged is never answered with 404: the answer waits for the read-model, or is 504.',
    params: JobParams,
    query: JobQuery,
    answers: { 200: { description: 'The job as it is now.', schema: Job } },
    problems: [...READ_PROBLEMS, 'job-not-found', 'log-unavailable'],
  }),
  getJobEvents: defineRoute({
    operationId: 'getJobEvents',
    method: 'get',
    path: '/api/anime/jobs/{id}/events',
    tag: 'jobs',
    summary: "Read a job's trail",
    scope: 'jobs:read',
    params: JobParams,
    query: AfterQuery,
    answers: { 200: { description: 'Its events in the order of the log.', schema: JobTrail } },
    problems: [...READ_PROBLEMS, 'job-not-found', 'log-unavailable'],
  }),
  cancelJob: defineRoute({
    operationId: 'cancelJob',
    method: 'post',
    path: '/api/anime/jobs/{id}/cancel',
    tag: 'jobs',
    summary: 'Ask for a job to be cancelled',
    scope: 'jobs:write',
    description:
      'The body may be left out. The job ends as `cancelled` unless it has ended before the wish is seen. A reason is shown in the trail of the job.',
    params: JobParams,
    headers: CommandHeaders,
    body: CancelRequest.nullish(),
    answers: { 202: { description: 'The wish is in the log.', schema: CancelAcknowledged } },
    problems: [
      ...BODY_PROBLEMS,
      'job-not-found',
      'job-ended',
      'newer-contract',
      'log-full',
      'log-unavailable',
      ...SEAL_PROBLEMS,
    ],
  }),
  retryJob: defineRoute({
    operationId: 'retryJob',
    method: 'post',
    path: '/api/anime/jobs/{id}/retry',
    tag: 'jobs',
    summary: 'Ask for a failed job to be tried again',
    scope: 'jobs:write',
    description:
      'The body may be left out. The job waits again, under the same id, with the same parameters and seed. Of two wishes at a time one is stored, and the other one refused. A reason is shown in the trail of the job.',
    params: JobParams,
    headers: CommandHeaders,
    body: RetryRequest.nullish(),
    answers: { 202: { description: 'The wish is in the log.', schema: RetryAcknowledged } },
    problems: [
      ...BODY_PROBLEMS,
      'job-not-found',
      'job-not-failed',
      'newer-contract',
      ...APPEND_PROBLEMS,
      ...SEAL_PROBLEMS,
    ],
  }),
  getQueue: defineRoute({
    operationId: 'getQueue',
    method: 'get',
    path: '/api/anime/queue',
    tag: 'jobs',
    summary: 'What waits and what runs',
    scope: 'jobs:read',
    query: AfterQuery,
    answers: { 200: { description: 'The queue.', schema: Queue } },
    problems: READ_PROBLEMS,
  }),
  ...EXECUTOR_ROUTES,
  ...PROJECT_ROUTES,
  ...DEAD_LETTER_ROUTES,
  ...KEY_ROUTES,
  getSystem: defineRoute({
    operationId: 'getSystem',
    method: 'get',
    path: '/api/anime/system',
    tag: 'system',
    summary: 'Every service, executor and consumer',
    scope: 'jobs:read',
    description: 'Answers also while the log or the read-model is away, and says so.',
    answers: { 200: { description: 'The system as it is now.', schema: SystemStatus } },
    problems: ['validation-failed'],
  }),
} as const satisfies Record<string, Route>;

/** Version of the gateway's API, in its document. */
export const API_VERSION = '0.1.0';

/** The gateway's OpenAPI document, as `contracts/generated/openapi.json` holds it. */
export function gatewayOpenApi(): OpenApiDocument {
  return buildOpenApi(Object.values(ROUTES), API_VERSION);
}
