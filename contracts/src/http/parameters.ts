import { z } from 'zod';
import { JobStatus } from '../values/job-status.js';
import { JobType, Sha256, Slug, Uuid } from '../values/primitives.js';
import { PlainText, Position, ProjectName, queryList, queryNumber } from './fields.js';

/** Longest wait for a job's end in one request, in seconds. */
export const WAIT_LIMIT_S = 60;
/** How long `?after=` waits for the read-model when `?wait=` does not say, in seconds. */
export const DEFAULT_POSITION_WAIT_S = 5;
/** Jobs on a page: when `?limit=` does not say, and at most. */
export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 200;

const Wait = queryNumber(z.number().min(0).max(WAIT_LIMIT_S)).optional();

/** `/{id}` of a job. */
export const JobParams = z.strictObject({ id: Uuid });

/** Query of the commands that make a job. */
export const SubmitQuery = z.strictObject({
  wait: Wait.meta({ description: 'seconds to wait for the job to end; answers 200 with the job if it did' }),
});

/** Query of a job and of its trail. */
export const JobQuery = z.strictObject({
  after: queryNumber(Position)
    .optional()
    .meta({ description: 'wait until the read-model has passed this position of the log, else 504' }),
  wait: Wait.meta({
    description: 'seconds: with `after` the longest wait for it (5 when absent); alone, waits for the job to end',
  }),
});

/** Query of the trail and the queue, which do not wait for a job's end. */
export const AfterQuery = z.strictObject({
  after: JobQuery.shape.after,
  wait: Wait.meta({ description: 'seconds to wait for `after` (5 when absent)' }),
});

/** Query of the list of jobs. */
export const JobListQuery = z.strictObject({
  status: queryList(JobStatus).optional().meta({ description: 'one or more, repeated or with commas' }),
  project: ProjectName.optional(),
  type: JobType.optional(),
  text: PlainText.min(1).max(200).optional().meta({ description: 'part of the prompt; case does not matter' }),
  from: z.iso.datetime({ offset: true }).optional().meta({ description: 'requested at this time or later' }),
  to: z.iso.datetime({ offset: true }).optional().meta({ description: 'requested before this time' }),
  limit: queryNumber(z.int().min(1).max(MAX_PAGE_SIZE))
    .optional()
    .meta({ description: `jobs on a page; ${DEFAULT_PAGE_SIZE} when absent` }),
  cursor: z.string().min(1).max(500).optional().meta({ description: '`nextCursor` of the page before' }),
  after: JobQuery.shape.after,
  wait: AfterQuery.shape.wait,
});

/** Headers that a command takes. */
export const CommandHeaders = z.object({
  'x-correlation-id': Uuid.optional().meta({
    description: 'goes into every event that this command causes; the id of its own event when absent',
  }),
});

/** `/{id}` of an executor. */
export const ExecutorParams = z.strictObject({
  id: Slug.meta({ description: 'name or id of an executor' }),
});

/** `/{hash}` of an environment. */
export const EnvironmentParams = z.strictObject({ hash: Sha256 });

/** `/{id}` of a project. */
export const ProjectParams = z.strictObject({ id: ProjectName });

/** Query of the list of projects. */
export const ProjectListQuery = z.strictObject({
  archived: z
    .enum(['true', 'false'])
    .optional()
    .meta({ description: '`true`: only archived ones, `false`: only those that take jobs; all when absent' }),
  limit: queryNumber(z.int().min(1).max(MAX_PAGE_SIZE))
    .optional()
    .meta({ description: `projects on a page; ${DEFAULT_PAGE_SIZE} when absent` }),
  cursor: JobListQuery.shape.cursor,
  after: JobQuery.shape.after,
  wait: AfterQuery.shape.wait,
});

/** Headers of a change that must not undo another one. */
export const ChangeHeaders = CommandHeaders.extend({
  'if-match': z
    .string()
    .max(500)
    .regex(/^\s*(\*|"\d{1,15}"(\s*,\s*"\d{1,15}")*)\s*$/, 'must be the ETag of an earlier answer, as "12", or *')
    .optional()
    .meta({ description: 'changes only what is as it was when it was read: its `ETag`, else 412' }),
});

/** Headers of the commands that make a job. */
export const SubmitHeaders = CommandHeaders.extend({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters')
    .optional()
    .meta({ description: 'sent again with the same key and request, it is answered as the first time' }),
});
