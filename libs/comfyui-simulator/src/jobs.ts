import type { QueueItem } from './graph.js';
import { isRecord } from './graph.js';
import type { HistoryEntry, Outputs } from './history.js';
import { isFloatMarked, markFloat } from './python-json.js';

export const JOB_STATUSES = ['pending', 'in_progress', 'completed', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** An entry of GET /api/jobs, field names as ComfyUI sends them. */
export interface Job {
  readonly id: string;
  readonly status: JobStatus;
  readonly priority: number;
  readonly create_time: unknown;
  readonly execution_start_time?: number;
  readonly execution_end_time?: number;
  readonly [field: string]: unknown;
}

export function waitingJob(item: QueueItem, status: 'pending' | 'in_progress'): Job {
  const job = {
    id: item[1],
    status,
    priority: item[0],
    create_time: item[3]['create_time'] ?? null,
    outputs_count: 0,
    previewable_outputs_count: 0,
    ...workflowId(item),
  };
  return withPriorityOf(item, job);
}

/** A number that the client chose is a float here, too. */
function withPriorityOf(item: QueueItem, job: Job): Job {
  if (isFloatMarked(item, 0)) markFloat(job, 'priority');
  return job;
}

export function finishedJob(entry: HistoryEntry): Job {
  const { prompt, status, outputs } = entry;
  const last = status.messages.findLast(([event]) => event.startsWith('execution_'));
  const files = filesOf(outputs);
  const preview = files.find((file) => file['type'] === 'output') ?? files[0];
  const job = {
    id: prompt[1],
    status: statusOf(entry),
    priority: prompt[0],
    create_time: prompt[3]['create_time'] ?? null,
    execution_start_time: timestampOf(status.messages[0]?.[1]),
    execution_end_time: timestampOf(last?.[1]),
    ...(last?.[0] === 'execution_error' ? { execution_error: last[1] } : {}),
    outputs_count: files.length,
    previewable_outputs_count: files.length,
    ...(preview === undefined ? {} : { preview_output: preview }),
    ...workflowId(prompt),
  };
  return withPriorityOf(prompt, job);
}

/** The single view: the list entry plus everything history has. */
export function finishedJobDetail(entry: HistoryEntry): Job {
  const [, , graph, extraData] = entry.prompt;
  const job = {
    ...finishedJob(entry),
    outputs: entry.outputs,
    execution_status: entry.status,
    workflow: { prompt: graph, extra_data: extraData },
  };
  return withPriorityOf(entry.prompt, job);
}

/** Follows `status_str` as the real server does; only an interruption is told apart. */
function statusOf(entry: HistoryEntry): JobStatus {
  if (entry.status.status_str === 'success') return 'completed';
  return entry.status.messages.some(([event]) => event === 'execution_interrupted') ? 'cancelled' : 'failed';
}

function filesOf(outputs: Outputs): Record<string, unknown>[] {
  return Object.entries(outputs).flatMap(([nodeId, output]) =>
    Object.entries(output).flatMap(([mediaType, items]) =>
      items.filter(isRecord).map((item) => ({ ...item, nodeId, mediaType })),
    ),
  );
}

function timestampOf(data: Readonly<Record<string, unknown>> | undefined): number {
  return typeof data?.['timestamp'] === 'number' ? data['timestamp'] : 0;
}

function workflowId(item: QueueItem): { workflow_id?: unknown } {
  const pnginfo = item[3]['extra_pnginfo'];
  const workflow = isRecord(pnginfo) ? pnginfo['workflow'] : undefined;
  return isRecord(workflow) && workflow['id'] !== undefined ? { workflow_id: workflow['id'] } : {};
}
