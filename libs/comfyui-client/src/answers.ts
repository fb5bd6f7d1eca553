import { z } from 'zod';

/**
 * An item of the queue or a history entry's `prompt`: `[number, prompt id, graph, extra_data, outputs to execute]`. The number
 * may be a bare NaN, read as null (contract §1.4, 23).
 */
export const QueueItem = z.tuple([z.number().nullable(), z.string()]).rest(z.unknown());
/** `queue_pending` comes in heap order, not in the order of running (contract §1.4, 21). */
export const QueueAnswer = z.looseObject({ queue_running: z.array(QueueItem), queue_pending: z.array(QueueItem) });

/** `[event name, data]` as in `status.messages`; timestamps are milliseconds of the server's clock. */
export const StatusMessage = z.tuple([z.string(), z.record(z.string(), z.unknown())]);
export type StatusMessage = z.infer<typeof StatusMessage>;

const Outputs = z.record(z.string(), z.record(z.string(), z.unknown()));
/** `messages` is the record of the run; `status_str` beside it can lie (contract §1.3, 10) and is not read. */
const ExecutionStatus = z.looseObject({ messages: z.array(StatusMessage) });

/** What is left of a prompt that ended: what it made, by node and key, and what happened. */
export interface EndedPrompt {
  readonly outputs: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly messages: readonly StatusMessage[];
}

/** `GET /history/{id}`: 200 and empty when unknown (contract §1.4, 24). */
export const HistoryAnswer = z.record(
  z.string(),
  z.looseObject({ outputs: Outputs.default({}), status: ExecutionStatus.nullish() }),
);

/** A time or number that is not read where it is odd: nothing but an estimate hangs on it. */
const Figure = z.number().nullish().catch(null);

/**
 * `GET /api/jobs/{id}`. Its `completed` and `failed` repeat the `status_str` that can lie, so only whether it has ended is taken
 * from `status`.
 */
export const JobAnswer = z.looseObject({
  status: z.enum(['pending', 'in_progress', 'completed', 'failed', 'cancelled']),
  outputs: Outputs.nullish(),
  execution_status: ExecutionStatus.nullish(),
  priority: Figure,
  create_time: Figure,
  execution_start_time: Figure,
});

/** `GET /api/jobs`, of those that ended. */
export const EndedJobs = z.looseObject({ jobs: z.array(z.looseObject({ execution_end_time: Figure })) });

/** 404 of the job. Any other 404 is the router's, on servers before 0.5.1, or a proxy's, and says nothing of the job. */
export const JobNotFound = z.looseObject({ error: z.literal('Job not found') });

export const CancelAnswer = z.looseObject({ cancelled: z.boolean() });

const NodeError = z.looseObject({
  type: z.string(),
  message: z.string(),
  details: z.string().default(''),
  extra_info: z.record(z.string(), z.unknown()).nullish(),
});
/** By node id; what validation found. */
export const NodeErrors = z.record(
  z.string(),
  z.looseObject({ errors: z.array(NodeError), class_type: z.string().nullish() }),
);
export type NodeErrors = z.infer<typeof NodeErrors>;

/** Older servers say an empty list. */
const SomeNodeErrors = z.union([NodeErrors, z.tuple([]).transform((): NodeErrors => ({}))]).default({});

/** 200 of `POST /prompt`. Non-empty `node_errors` mean that some outputs were silently dropped (contract §1.3, 12). */
export const PromptAnswer = z.looseObject({
  prompt_id: z.string(),
  number: z.number().nullable(),
  node_errors: SomeNodeErrors,
});

/** 400 of `POST /prompt`. */
export const PromptRefusal = z.looseObject({
  error: z.union([
    z.looseObject({
      type: z.string(),
      message: z.string(),
      details: z.string().nullish(),
      extra_info: z.record(z.string(), z.unknown()).nullish(),
    }),
    // Older servers, of a body without a prompt.
    z.string().transform((message) => ({ type: 'unknown', message })),
  ]),
  node_errors: SomeNodeErrors,
});
export type PromptRefusal = z.infer<typeof PromptRefusal>;

/**
 * `GET /object_info` and `/object_info/{class}` (empty when the class is unknown); `parseNodeDefinitions` reads on. Each
 * class is looked at for itself, so that an odd one does not spoil the answer.
 */
export const ObjectInfoAnswer = z.record(z.string(), z.unknown());

/** `POST /upload/image`. The name may be another than the one given: use this one (contract §4). */
export const UploadAnswer = z.looseObject({
  name: z.string(),
  subfolder: z.string().default(''),
  type: z.string().default('input'),
});
