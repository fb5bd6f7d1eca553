import type {
  EventData,
  ExecutorEnvironmentChangedV1,
  FailureClass,
  FailureEvidence,
  JobDeclinedV1,
  JobExecutedV2,
  JobRetryScheduledV2,
  JobStatus,
  JobType,
  OutputKind,
  Parameters,
  Sealed,
  TemplateManifest,
} from '@anime/contracts';

/** One job: what lists filter and sort by, and all that changes. Times are `ce-time`. */
export interface JobRow {
  readonly id: string;
  readonly type: JobType;
  readonly status: JobStatus;
  readonly template_id: string;
  readonly template_version: number;
  readonly seed: number;
  readonly project: string | null;
  readonly actor: string;
  readonly requested_at: string;
  readonly accepted_at: string | null;
  /** Place in the queue: position of `accepted`. */
  readonly accepted_position: number | null;
  /** Start of the current attempt. */
  readonly started_at: string | null;
  readonly ended_at: string | null;
  /** The current attempt; 0 before the first is assigned. */
  readonly attempt: number;
  readonly max_attempts: number | null;
  readonly executor_id: string | null;
  /** Earliest time of the next assignment, while a retry waits. */
  readonly not_before: string | null;
  /** How the next attempt is to differ, while a retry waits. */
  readonly retry: RetryPlan | null;
  readonly failure_class: FailureClass | null;
  readonly failure_message: string | null;
  readonly verdict: 'passed' | 'failed' | null;
  readonly cancel_requested: boolean;
}

export type RetryPlan = Pick<
  EventData<typeof JobRetryScheduledV2>,
  'failedAttempt' | 'class' | 'variant' | 'vramGb' | 'freeMemory' | 'avoid'
>;

/** What a job was asked to make: never changes, so it is kept apart from what does. */
export interface JobRequestRow {
  readonly job_id: string;
  /** The parameter `prompt`, for search; null where the template has none. */
  readonly prompt: string | null;
  readonly parameters: Parameters;
  readonly seed_source: 'given' | 'drawn';
}

/** One attempt: what was decided and what became of it, whether it is still the current one or not. */
export interface JobAttemptRow {
  readonly job_id: string;
  readonly attempt: number;
  readonly executor_id: string | null;
  readonly prompt_id: string | null;
  readonly variant: 'normal' | 'low-memory' | null;
  readonly vram_gb: number | null;
  /** Whether it was to free the memory of the GPU first. */
  readonly free_memory: boolean | null;
  readonly assigned_at: string | null;
  readonly cancel_ordered_at: string | null;
  /** Its executor was lost: what it reports later does not count. */
  readonly lost_at: string | null;
  /** Its executor handed it back before it had begun. */
  readonly declined_at: string | null;
  readonly decline_reason: EventData<typeof JobDeclinedV1>['reason'] | null;
  readonly decline_message: string | null;
  readonly decline_evidence: FailureEvidence | null;
  readonly started_at: string | null;
  readonly claim: string | null;
  /** Key of the environment that it ran in; null also where the server did not tell. */
  readonly environment: string | null;
  readonly executed_at: string | null;
  readonly execution_ms: number | null;
  readonly cached: boolean | null;
  readonly graph_hash: string | null;
  readonly cached_nodes: readonly string[] | null;
  readonly models: EventData<typeof JobExecutedV2>['models'] | null;
  readonly vram_peak_bytes: number | null;
  readonly failed_at: string | null;
  readonly failure_class: FailureClass | null;
  readonly failure_reason: string | null;
  readonly failure_message: string | null;
  readonly evidence: FailureEvidence | null;
  /** Builds of the scorer whose figures are there. */
  readonly scorer_builds: readonly string[];
  readonly organised_at: string | null;
  readonly organise_failed_at: string | null;
  readonly organise_failure_code: string | null;
  readonly organise_failure_message: string | null;
  readonly gated_at: string | null;
  readonly verdict: 'passed' | 'failed' | null;
  readonly gate_rule: string | null;
  readonly gate_scorer_build: string | null;
  readonly gate_reason: string | null;
}

export interface JobOutputRow {
  readonly job_id: string;
  readonly attempt: number;
  readonly node: string;
  readonly output_index: number;
  readonly kind: OutputKind;
  readonly role: string;
  readonly blob: string;
  readonly size: number;
  readonly media_type: string;
  readonly filename: string;
  readonly pixel_sha256: string | null;
}

/** One metric of one output by one build of the scorer. */
export interface JobScoreRow {
  readonly job_id: string;
  readonly attempt: number;
  readonly node: string;
  readonly output_index: number;
  readonly metric: string;
  readonly scorer_build: string;
  readonly metric_version: string;
  readonly blob: string;
  readonly status: 'measured' | 'unavailable';
  readonly value: number | null;
  readonly unit: string | null;
  readonly method: string | null;
  readonly evidence: Readonly<Record<string, number>> | null;
  readonly model_sha256: string | null;
  readonly reason: string | null;
  readonly enabled_by: string | null;
  readonly scored_at: string;
}

export interface JobFileRow {
  readonly job_id: string;
  readonly attempt: number;
  readonly path: string;
  readonly role: 'output' | 'thumbnail' | 'sidecar';
  readonly sha256: string;
  readonly size: number;
  readonly media_type: string;
  readonly width: number | null;
  readonly height: number | null;
  readonly frames: number | null;
  readonly node: string;
  readonly output_index: number;
}

/** Every event of a job, once per event id; type without version, data in the newest known version. */
export interface JobTimelineRow {
  readonly job_id: string;
  readonly event_id: string;
  readonly position: number;
  readonly type: string;
  readonly producer: string;
  readonly time: string;
  readonly actor: string;
  readonly correlation_id: string;
  readonly causation_id: string | null;
  readonly epoch: number | null;
  readonly data: object;
}

/** A ComfyUI server as it stands: what it told last, and why it gets no work, if so. */
export interface ExecutorRow {
  readonly id: string;
  readonly name: string;
  readonly comfyui_version: string;
  readonly simulator: boolean;
  readonly devices: readonly { readonly name: string; readonly vramBytes: number }[];
  /** Of the newest registration. */
  readonly registered_at: string;
  /** Since when nothing is heard of it, or of its server; null while it is there. */
  readonly lost_at: string | null;
  readonly environment: string | null;
  readonly environment_since: string | null;
  readonly paused_at: string | null;
  /** Opaque id of whoever paused it. */
  readonly paused_by: string | null;
  readonly pause_reason: Sealed | null;
  /** Since when its server runs nothing any more, by what it said or by a fault of its GPU. */
  readonly drained_at: string | null;
  readonly drain_reason: 'worker-stopped' | 'gpu-fault' | null;
  readonly drain_message: string | null;
}

/** Every event of an executor, once per event id. */
export interface ExecutorTimelineRow {
  readonly executor_id: string;
  readonly event_id: string;
  readonly position: number;
  readonly type: string;
  readonly time: string;
}

/** What ran on a server, whichever: its key is the hash of all that it says. */
export interface EnvironmentRow {
  readonly environment: string;
  readonly comfyui_version: string;
  readonly python_version: string | null;
  readonly pytorch_version: string | null;
  readonly cuda_version: string | null;
  readonly os: string | null;
  readonly arguments: readonly string[];
  readonly devices: EventData<typeof ExecutorEnvironmentChangedV1>['devices'];
  readonly node_definitions: EventData<typeof ExecutorEnvironmentChangedV1>['nodeDefinitions'];
  readonly packs: EventData<typeof ExecutorEnvironmentChangedV1>['packs'];
  readonly first_seen_at: string;
  readonly first_executor_id: string;
}

/** One version of a workflow template. */
export interface WorkflowRow {
  readonly id: string;
  readonly version: number;
  readonly slug: string;
  readonly kind: JobType;
  readonly title: string;
  readonly manifest: TemplateManifest;
  readonly graph: object;
  readonly graph_hash: string;
  /** The graph that needs less memory, if there is one. */
  readonly low_memory: { readonly graph: object; readonly graphHash: string } | null;
  readonly built_in: boolean;
  readonly registered_at: string;
}

/** A term of leadership of the orchestrator. */
export interface TermRow {
  readonly scheduler_id: string;
  readonly epoch: number;
  readonly leader: string;
  readonly started_at: string;
}
