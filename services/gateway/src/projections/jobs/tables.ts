import type { Table } from '@anime/projections';
import type {
  EnvironmentRow,
  ExecutorRow,
  ExecutorTimelineRow,
  JobAttemptRow,
  JobFileRow,
  JobOutputRow,
  JobRequestRow,
  JobRow,
  JobScoreRow,
  JobTimelineRow,
  TermRow,
  WorkflowRow,
} from './rows.js';

export const JOBS: Table<JobRow, 'id'> = {
  name: 'jobs',
  key: ['id'],
  versioned: true,
  columns: {
    id: 'uuid',
    type: 'text',
    status: 'text',
    template_id: 'text',
    template_version: 'integer',
    seed: 'integer',
    project: 'uuid?',
    actor: 'text',
    requested_at: 'instant',
    accepted_at: 'instant?',
    accepted_position: 'integer?',
    started_at: 'instant?',
    ended_at: 'instant?',
    attempt: 'integer',
    max_attempts: 'integer?',
    executor_id: 'uuid?',
    not_before: 'instant?',
    retry: 'json?',
    failure_class: 'text?',
    failure_message: 'text?',
    verdict: 'text?',
    cancel_requested: 'boolean',
  },
  // Lists are read newest first; one index per filter that narrows much. `type` has two values and needs none.
  indexes: [
    { name: 'requested', columns: ['requested_at', 'id'] },
    { name: 'status', columns: ['status', 'requested_at', 'id'] },
    { name: 'project', columns: ['project', 'requested_at', 'id'] },
  ],
};

export const JOB_REQUESTS: Table<JobRequestRow, 'job_id'> = {
  name: 'job_requests',
  key: ['job_id'],
  columns: { job_id: 'uuid', prompt: 'text?', parameters: 'json', seed_source: 'text' },
};

export const JOB_ATTEMPTS: Table<JobAttemptRow, 'job_id' | 'attempt'> = {
  name: 'job_attempts',
  key: ['job_id', 'attempt'],
  columns: {
    job_id: 'uuid',
    attempt: 'integer',
    executor_id: 'uuid?',
    prompt_id: 'uuid?',
    variant: 'text?',
    vram_gb: 'double?',
    free_memory: 'boolean?',
    assigned_at: 'instant?',
    cancel_ordered_at: 'instant?',
    lost_at: 'instant?',
    declined_at: 'instant?',
    decline_reason: 'text?',
    decline_message: 'text?',
    decline_evidence: 'json?',
    started_at: 'instant?',
    claim: 'uuid?',
    environment: 'text?',
    executed_at: 'instant?',
    execution_ms: 'double?',
    cached: 'boolean?',
    graph_hash: 'text?',
    cached_nodes: 'json?',
    models: 'json?',
    vram_peak_bytes: 'double?',
    failed_at: 'instant?',
    failure_class: 'text?',
    failure_reason: 'text?',
    failure_message: 'text?',
    evidence: 'json?',
    scorer_builds: 'json',
    organised_at: 'instant?',
    organise_failed_at: 'instant?',
    organise_failure_code: 'text?',
    organise_failure_message: 'text?',
    gated_at: 'instant?',
    verdict: 'text?',
    gate_rule: 'text?',
    gate_scorer_build: 'text?',
    gate_reason: 'text?',
  },
};

export const JOB_OUTPUTS: Table<JobOutputRow, 'job_id' | 'attempt' | 'node' | 'output_index'> = {
  name: 'job_outputs',
  key: ['job_id', 'attempt', 'node', 'output_index'],
  columns: {
    job_id: 'uuid',
    attempt: 'integer',
    node: 'text',
    output_index: 'integer',
    kind: 'text',
    role: 'text',
    blob: 'text',
    size: 'integer',
    media_type: 'text',
    filename: 'text',
    pixel_sha256: 'text?',
  },
};

export const JOB_SCORES: Table<
  JobScoreRow,
  'job_id' | 'attempt' | 'node' | 'output_index' | 'metric' | 'scorer_build'
> = {
  name: 'job_scores',
  key: ['job_id', 'attempt', 'node', 'output_index', 'metric', 'scorer_build'],
  columns: {
    job_id: 'uuid',
    attempt: 'integer',
    node: 'text',
    output_index: 'integer',
    metric: 'text',
    scorer_build: 'text',
    metric_version: 'text',
    blob: 'text',
    status: 'text',
    value: 'double?',
    unit: 'text?',
    method: 'text?',
    evidence: 'json?',
    model_sha256: 'text?',
    reason: 'text?',
    enabled_by: 'text?',
    scored_at: 'instant',
  },
};

export const JOB_FILES: Table<JobFileRow, 'job_id' | 'attempt' | 'path'> = {
  name: 'job_files',
  key: ['job_id', 'attempt', 'path'],
  columns: {
    job_id: 'uuid',
    attempt: 'integer',
    path: 'text',
    role: 'text',
    sha256: 'text',
    size: 'integer',
    media_type: 'text',
    width: 'integer?',
    height: 'integer?',
    frames: 'integer?',
    node: 'text',
    output_index: 'integer',
  },
};

export const JOB_TIMELINE: Table<JobTimelineRow, 'job_id' | 'event_id'> = {
  name: 'job_timeline',
  key: ['job_id', 'event_id'],
  columns: {
    job_id: 'uuid',
    event_id: 'uuid',
    position: 'integer',
    type: 'text',
    producer: 'text',
    time: 'instant',
    actor: 'text',
    correlation_id: 'uuid',
    causation_id: 'uuid?',
    epoch: 'integer?',
    data: 'json',
  },
};

export const EXECUTORS: Table<ExecutorRow, 'id'> = {
  name: 'executors',
  key: ['id'],
  columns: {
    id: 'uuid',
    name: 'text',
    comfyui_version: 'text',
    simulator: 'boolean',
    devices: 'json',
    registered_at: 'instant',
    lost_at: 'instant?',
    environment: 'text?',
    environment_since: 'instant?',
    paused_at: 'instant?',
    paused_by: 'text?',
    pause_reason: 'json?',
    drained_at: 'instant?',
    drain_reason: 'text?',
    drain_message: 'text?',
  },
};

export const EXECUTOR_TIMELINE: Table<ExecutorTimelineRow, 'executor_id' | 'event_id'> = {
  name: 'executor_timeline',
  key: ['executor_id', 'event_id'],
  columns: { executor_id: 'uuid', event_id: 'uuid', position: 'integer', type: 'text', time: 'instant' },
};

export const ENVIRONMENTS: Table<EnvironmentRow, 'environment'> = {
  name: 'environments',
  key: ['environment'],
  columns: {
    environment: 'text',
    comfyui_version: 'text',
    python_version: 'text?',
    pytorch_version: 'text?',
    cuda_version: 'text?',
    os: 'text?',
    arguments: 'json',
    devices: 'json',
    node_definitions: 'json',
    packs: 'json',
    first_seen_at: 'instant',
    first_executor_id: 'uuid',
  },
};

export const WORKFLOWS: Table<WorkflowRow, 'id' | 'version'> = {
  name: 'workflows',
  key: ['id', 'version'],
  columns: {
    id: 'uuid',
    version: 'integer',
    slug: 'text',
    kind: 'text',
    title: 'text',
    manifest: 'json',
    graph: 'json',
    graph_hash: 'text',
    low_memory: 'json?',
    built_in: 'boolean',
    registered_at: 'instant',
  },
};

export const TERMS: Table<TermRow, 'scheduler_id' | 'epoch'> = {
  name: 'terms',
  key: ['scheduler_id', 'epoch'],
  columns: { scheduler_id: 'uuid', epoch: 'integer', leader: 'uuid', started_at: 'instant' },
};

/** Every table of the read-model. */
export const JOBS_TABLES = [
  JOBS,
  JOB_REQUESTS,
  JOB_ATTEMPTS,
  JOB_OUTPUTS,
  JOB_SCORES,
  JOB_FILES,
  JOB_TIMELINE,
  EXECUTORS,
  EXECUTOR_TIMELINE,
  ENVIRONMENTS,
  WORKFLOWS,
  TERMS,
] as const;
