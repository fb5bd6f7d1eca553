import { z } from 'zod';

/** `GET /system_stats`, the part that we use. */
export const SystemStats = z.looseObject({
  system: z.looseObject({
    comfyui_version: z.string().default('unknown'),
    python_version: z.string().optional(),
    pytorch_version: z.string().optional(),
    argv: z.array(z.string()).default([]),
  }),
  devices: z.array(
    z.looseObject({
      name: z.string(),
      type: z.string().optional(),
      vram_total: z.number().nullish(),
      vram_free: z.number().nullish(),
    }),
  ),
});
export type SystemStats = z.infer<typeof SystemStats>;

/** An item of the queue or a history entry's `prompt`: `[number, prompt id, graph, extra_data, outputs to execute]`. */
export const QueueItem = z.tuple([z.number().nullable(), z.string()]).rest(z.unknown());
/** `queue_pending` comes in heap order, not in the order of running. */
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

/** `GET /history/{id}`: empty when unknown. */
export const HistoryAnswer = z.record(
  z.string(),
  z.looseObject({ outputs: Outputs.default({}), status: ExecutionStatus.nullish() }),
);

/** `GET /api/jobs/{id}`. */
export const JobAnswer = z.looseObject({
  status: z.enum(['pending', 'in_progress', 'completed', 'failed', 'cancelled']),
  outputs: Outputs.nullish(),
  execution_status: ExecutionStatus.nullish(),
});

/** 404 of the job; a 404 without this shape is the router's, on servers before 0.5.1. */
export const JobNotFound = z.looseObject({ error: z.string() });

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

/** 200 of `POST /prompt`. Non-empty `node_errors` mean that some outputs were silently dropped (contract §1.3, 12). */
export const PromptAnswer = z.looseObject({
  prompt_id: z.string(),
  number: z.number().nullable(),
  node_errors: NodeErrors.default({}),
});

/** 400 of `POST /prompt`. */
export const PromptRefusal = z.looseObject({
  error: z.looseObject({
    type: z.string(),
    message: z.string(),
    details: z.string().nullish(),
    extra_info: z.record(z.string(), z.unknown()).nullish(),
  }),
  node_errors: NodeErrors.default({}),
});
export type PromptRefusal = z.infer<typeof PromptRefusal>;

/** `GET /object_info/{class}`: empty when the class is unknown. Input specs come in two forms, V1 and V3. */
export const ObjectInfoAnswer = z.record(
  z.string(),
  z.looseObject({
    input: z.looseObject({
      required: z.record(z.string(), z.unknown()).nullish(),
      optional: z.record(z.string(), z.unknown()).nullish(),
    }),
  }),
);
