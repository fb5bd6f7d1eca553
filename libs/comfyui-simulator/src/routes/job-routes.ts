import type { History } from '../history.js';
import type { Faults } from '../faults.js';
import { json, type Reply } from '../http/reply.js';
import { type Handler, methodNotAllowed, type Routes, unknownPath } from '../http/router.js';
import { finishedJob, finishedJobDetail, type Job, JOB_STATUSES, waitingJob } from '../jobs.js';
import type { PromptQueue } from '../queue.js';
import type { Worker } from '../worker.js';
import { bodyMembers } from './body.js';

export interface JobRoutesEnvironment {
  readonly queue: PromptQueue;
  readonly history: History;
  readonly worker: Worker;
  readonly faults: Faults;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The job routes, which exist only below /api. */
export function jobRoutes({ queue, history, worker, faults }: JobRoutesEnvironment): Routes {
  const waiting = (): Job[] => [
    ...queue.runningItems().map((item) => waitingJob(item, 'in_progress')),
    ...queue.pendingItems().map((item) => waitingJob(item, 'pending')),
  ];

  const find = (id: string): Job | undefined => {
    const entry = history.get(id);
    if (entry !== undefined) return finishedJobDetail(entry);
    return waiting()
      .sort((a, b) => a.priority - b.priority)
      .find((job) => job.id === id);
  };

  const cancel = (id: string): boolean => {
    if (queue.isRunning(id)) {
      worker.interrupt();
      return true;
    }
    if (!queue.deletePending(id)) return false;
    // As measured: a cancelled pending job is told twice.
    queue.announce();
    return true;
  };

  // A server that does not have a route leaves the path to the handler of its static files, which only knows GET.
  const readable =
    (handler: Handler): Handler =>
    (request) =>
      faults.withoutJobs ? unknownPath() : handler(request);
  const cancellable =
    (handler: Handler): Handler =>
    (request) =>
      faults.withoutJobs || faults.withoutJobCancel ? methodNotAllowed(['GET']) : handler(request);

  return {
    'GET /api/jobs': readable(({ query }) => listJobs([...waiting(), ...history.all().map(finishedJob)], query)),
    'GET /api/jobs/{id}': readable(({ parameters }) => {
      const job = find(parameters['id'] ?? '');
      return job === undefined ? failure('Job not found', 404) : json(job);
    }),
    'POST /api/jobs/cancel': cancellable(({ body }) => {
      const ids = bodyMembers(body)['job_ids'];
      if (!Array.isArray(ids)) return failure('job_ids must be a list');
      const invalid = ids.filter((id) => typeof id !== 'string' || !UUID.test(id));
      if (invalid.length > 0) return json({ error: 'job_ids contains invalid id(s)', invalid_ids: invalid }, 400);
      return json({ cancelled: ids.map((id) => cancel(String(id))).includes(true) });
    }),
    'POST /api/jobs/{id}/cancel': cancellable(({ parameters }) => json({ cancelled: cancel(parameters['id'] ?? '') })),
  };
}

const failure = (error: string, status = 400): Reply => json({ error }, status);

function listJobs(jobs: readonly Job[], query: URLSearchParams): Reply {
  const statuses = query.get('status')?.split(',') ?? [];
  const unknown = statuses.filter((status) => !JOB_STATUSES.some((known) => known === status));
  if (unknown.length > 0) {
    const valid = JOB_STATUSES.join(', ');
    return failure(`Invalid status value(s): ${unknown.join(', ')}. Valid values: ${valid}`);
  }
  const limit = query.has('limit') ? Number(query.get('limit')) : null;
  if (limit !== null && !(Number.isInteger(limit) && limit > 0)) return failure('limit must be a positive integer');
  const offset = Number(query.get('offset') ?? 0);
  if (!Number.isInteger(offset) || offset < 0) return failure('offset must be a non-negative integer');
  const workflow = query.get('workflow_id');
  const matching = jobs
    .filter((job) => statuses.length === 0 || statuses.includes(job.status))
    .filter((job) => workflow === null || job['workflow_id'] === workflow);
  const sorted = sortJobs(matching, query.get('sort_by'), query.get('sort_order'));
  const page = sorted.slice(offset, limit === null ? undefined : offset + limit);
  const pagination = { offset, limit, total: sorted.length, has_more: offset + page.length < sorted.length };
  return json({ jobs: page, pagination });
}

/** Newest first unless asked otherwise. */
function sortJobs(jobs: readonly Job[], by: string | null, order: string | null): Job[] {
  const value = (job: Job): number =>
    by === 'execution_duration'
      ? (job.execution_end_time ?? 0) - (job.execution_start_time ?? 0)
      : Number(job.create_time ?? 0);
  const sign = order === 'asc' ? 1 : -1;
  // Equal times keep the order of queue and history either way, as Python's sort does in reverse.
  return [...jobs].sort((a, b) => sign * (value(a) - value(b)));
}
