import {
  JobAcceptedV3,
  JobAssignedV2,
  JobAttemptFailedV2,
  JobAttemptLostV1,
  JobCancelledV1,
  JobCancelOrderedV1,
  JobCancelRequestedV1,
  JobCancelRequestedV2,
  JobCompletedV1,
  JobDeclinedV1,
  JobExecutedV2,
  JobFailedV1,
  JobGatedV1,
  JobOrganisedV1,
  JobOrganiseFailedV1,
  JobRejectedV1,
  JobRequestedV3,
  JobRetryRequestedV1,
  JobRetryScheduledV2,
  JobScoredV1,
  JobStartedV2,
  type EventContract,
  type EventData,
  type FailureClass,
  type Sealed,
} from '@anime/contracts';
import { deriveId, executorIdOf, promptIdOf, type NewEvent } from '@anime/event-store';

export const EXECUTOR = executorIdOf('studio', 'comfyui-1');
export const HASH = '0123456789abcdef'.repeat(4);
const START_OF_TIME = Date.parse('2026-01-01T00:00:00.000Z');

/** An event whose id and time follow from what it is, so that a story told twice is the same story. */
export function sample<C extends EventContract>(
  contract: C,
  aggregateId: string,
  data: EventData<C>,
  minute: number,
  extra = '',
): NewEvent<C> {
  return {
    contract,
    aggregateId,
    data,
    id: deriveId(aggregateId, contract.name, JSON.stringify(data), extra),
    time: new Date(START_OF_TIME + minute * 60_000).toISOString(),
    correlationId: deriveId(aggregateId, 'correlation'),
    actor: contract.producer === 'gateway' ? deriveId(aggregateId, 'actor') : `service:${contract.producer}`,
    ...(contract.producer === 'orchestrator' && contract.aggregate === 'job' ? { epoch: 1 } : {}),
  };
}

export interface StoryOptions {
  readonly prompt?: string;
  readonly project?: string | null;
  readonly type?: 'image' | 'video';
  /** Minutes after the first instant at which it is requested. */
  readonly minute?: number;
  /** Bytes that the graph has at least. */
  readonly graphSize?: number;
  readonly epoch?: number;
}

/** Of the stored form; what it says does not matter here. */
export const SEALED: Sealed = {
  sealed: 'aes-256-gcm',
  subject: deriveId(EXECUTOR, 'a person'),
  keyVersion: 1,
  nonce: 'AAAAAAAAAAAAAAAA',
  ciphertext: 'q83vEg==',
  tag: 'AAAAAAAAAAAAAAAAAAAAAA==',
};

export const OUTPUT = { node: '9', kind: 'image' as const, role: 'picture', filenamePrefixInput: '9.filename_prefix' };

/** The events of one job, by name, each in its usual place; tests pick and reorder them. */
export function jobEvents(jobId: string, options: StoryOptions = {}) {
  const { prompt = 'a lighthouse at dusk', type = 'image', graphSize = 0 } = options;
  const project = options.project == null ? null : { id: options.project, slug: 'demo-film' };
  let minute = options.minute ?? 0;
  const event = <C extends EventContract>(contract: C, data: EventData<C>): NewEvent<C> =>
    sample(contract, jobId, data, (minute += 0.01));
  const template = { id: 'text-to-image', version: 1 };
  const parameters = { prompt, steps: 20, cfg: 7.5, tiled: false };
  const run = (attempt: number) => ({ attempt, executorId: EXECUTOR, promptId: promptIdOf(jobId, attempt) });
  const file = { sha256: HASH, node: '9', index: 0 };
  return {
    requested: event(JobRequestedV3, {
      type,
      template,
      parameters,
      seed: Number.MAX_SAFE_INTEGER,
      seedSource: 'drawn',
      inputs: [],
      limits: {},
      project,
    }),
    /** As builds before wrote it; they knew no reason. */
    cancelRequestedBefore: event(JobCancelRequestedV1, {}),
    cancelRequested: event(JobCancelRequestedV2, { reason: SEALED }),
    accepted: event(JobAcceptedV3, {
      type,
      template,
      parameters,
      seed: Number.MAX_SAFE_INTEGER,
      project,
      variants: [
        {
          name: 'normal',
          graph: {
            inline: {
              '3': { class_type: 'KSampler', inputs: { cfg: 7.5, model: ['4', 0], note: 'n'.repeat(graphSize) } },
            },
          },
          graphHash: HASH,
          vramGb: 6.5,
        },
      ],
      outputs: [OUTPUT],
      progress: { '3': 0.9, '8': 0.1 },
      metricSet: 'classical',
      layout: { title: prompt.slice(0, 20), requestedAt: new Date(START_OF_TIME).toISOString() },
      maxAttempts: 3,
      inputs: [],
      maxRunSeconds: null,
    }),
    rejected: event(JobRejectedV1, { class: 'missing-model', message: 'no such model' }),
    assigned: (attempt: number) =>
      event(JobAssignedV2, { ...run(attempt), variant: 'normal', vramGb: 6.5, freeMemory: false }),
    declined: (attempt: number) =>
      event(JobDeclinedV1, {
        ...run(attempt),
        reason: 'no-memory',
        message: 'others hold what it needs',
        evidence: { memory: { freeBytes: 2 ** 30, neededBytes: 6 * 2 ** 30 } },
      }),
    /** The nth wish to have it tried again. */
    retryRequested: (n = 1) => event(JobRetryRequestedV1, { reason: n === 1 ? SEALED : null }),
    cancelOrdered: (attempt: number) => event(JobCancelOrderedV1, run(attempt)),
    attemptLost: (attempt: number) => event(JobAttemptLostV1, run(attempt)),
    started: (attempt: number) =>
      event(JobStartedV2, {
        ...run(attempt),
        claim: deriveId(jobId, 'claim', String(attempt)),
        environment: attempt === 1 ? HASH : null,
      }),
    executed: (attempt: number) =>
      event(JobExecutedV2, {
        ...run(attempt),
        variant: 'normal',
        graphHash: HASH,
        cached: false,
        outputs: [
          {
            node: '9',
            index: 0,
            kind: 'image',
            role: 'picture',
            blob: HASH,
            size: 12_345,
            mediaType: 'image/png',
            filename: 'a_00001_.png',
            pixelSha256: HASH,
          },
        ],
        executionMs: 1234.5678901234567,
        cachedNodes: ['4'],
        models: [{ name: 'anime-v1.safetensors', sha256: null }],
        vramPeakBytes: 5 * 2 ** 30,
      }),
    attemptFailed: (attempt: number, failure: FailureClass = 'transient') =>
      event(JobAttemptFailedV2, {
        ...run(attempt),
        class: failure,
        reason: 'execution-error',
        message: 'it broke',
        evidence: { nodeId: '3', traceback: ['line 1\u0000', 'line 2'] },
      }),
    retryScheduled: (attempt: number, cause: EventData<typeof JobRetryScheduledV2>['class'] = 'transient') =>
      event(JobRetryScheduledV2, {
        attempt,
        failedAttempt: attempt - 1,
        class: cause,
        notBefore: new Date(START_OF_TIME + 5_000).toISOString(),
        variant: cause === 'oom' ? 'low-memory' : 'normal',
        vramGb: 6.5,
        gpuBytes: 0,
        freeMemory: cause === 'oom',
        avoid: [EXECUTOR],
      }),
    scored: (attempt: number, scorerBuild = 'build-1') =>
      event(JobScoredV1, {
        attempt,
        scorerBuild,
        outputs: [
          {
            node: '9',
            index: 0,
            blob: HASH,
            metrics: [
              {
                status: 'measured',
                id: 'sharpness',
                version: '1',
                value: 0.1 + 0.2,
                unit: '1',
                method: 'variance of Laplacian',
                evidence: { frames: 1 },
              },
              { status: 'unavailable', id: 'aesthetic', version: '1', reason: 'no model', enabledBy: 'a model file' },
            ],
          },
        ],
      }),
    organised: (attempt: number) =>
      event(JobOrganisedV1, {
        attempt,
        files: [
          {
            ...file,
            role: 'output',
            path: `jobs/${jobId}/${attempt}.png`,
            size: 12_345,
            mediaType: 'image/png',
            width: 512,
            height: 512,
          },
          { ...file, role: 'sidecar', path: `jobs/${jobId}/${attempt}.json`, size: 321, mediaType: 'application/json' },
        ],
      }),
    organiseFailed: (attempt: number) =>
      event(JobOrganiseFailedV1, { attempt, code: 'storage-failed', message: 'disk full' }),
    gated: (attempt: number) =>
      event(JobGatedV1, { attempt, verdict: 'passed', rule: { id: 'none' }, scorerBuild: 'build-1', reason: null }),
    completed: (attempt: number) => event(JobCompletedV1, { attempt, verdict: 'passed' }),
    failed: (attempts: number) => event(JobFailedV1, { class: 'transient', message: 'it broke too often', attempts }),
    cancelled: (attempt: number | null) =>
      event(JobCancelledV1, { stage: attempt === null ? 'queued' : 'assigned', attempt }),
  };
}

/** How a job can go, from request to end; together they hold every event of a job. */
export const STORIES = {
  completed: (id: string, options?: StoryOptions): NewEvent[] => {
    const job = jobEvents(id, options);
    return [
      job.requested,
      job.accepted,
      job.assigned(1),
      job.started(1),
      job.executed(1),
      job.scored(1),
      job.organised(1),
      job.gated(1),
      job.scored(1, 'build-2'),
      job.completed(1),
    ];
  },
  retriedAndFailed: (id: string, options?: StoryOptions): NewEvent[] => {
    const job = jobEvents(id, options);
    return [
      job.requested,
      job.accepted,
      job.assigned(1),
      job.started(1),
      job.attemptFailed(1),
      job.retryScheduled(2),
      job.assigned(2),
      job.started(2),
      job.attemptFailed(2),
      job.failed(2),
    ];
  },
  cancelled: (id: string, options?: StoryOptions): NewEvent[] => {
    const job = jobEvents(id, options);
    return [
      job.requested,
      job.accepted,
      job.assigned(1),
      job.cancelRequestedBefore,
      job.cancelRequested,
      job.cancelOrdered(1),
      job.started(1),
      job.attemptFailed(1, 'cancelled'),
      job.cancelled(1),
    ];
  },
  rejected: (id: string, options?: StoryOptions): NewEvent[] => {
    const job = jobEvents(id, options);
    return [job.requested, job.rejected];
  },
  notFiled: (id: string, options?: StoryOptions): NewEvent[] => {
    const job = jobEvents(id, options);
    return [
      job.requested,
      job.accepted,
      job.assigned(1),
      job.started(1),
      job.executed(1),
      job.organiseFailed(1),
      job.scored(1),
      job.gated(1),
      job.completed(1),
    ];
  },
  movedElsewhere: (id: string, options?: StoryOptions): NewEvent[] => {
    const job = jobEvents(id, options);
    return [
      job.requested,
      job.accepted,
      job.assigned(1),
      job.started(1),
      job.attemptLost(1),
      job.executed(1),
      job.retryScheduled(2),
      job.assigned(2),
      job.started(2),
      job.executed(2),
      job.scored(2),
      job.organised(2),
      job.gated(2),
      job.completed(2),
    ];
  },
  declined: (id: string, options?: StoryOptions): NewEvent[] => {
    const job = jobEvents(id, options);
    return [
      job.requested,
      job.accepted,
      job.assigned(1),
      job.declined(1),
      job.retryScheduled(2, 'declined'),
      job.assigned(2),
      job.started(2),
      job.executed(2),
      job.scored(2),
      job.organised(2),
      job.gated(2),
      job.completed(2),
    ];
  },
  /** Tried again by hand, twice. The last fact of the first attempt comes late. */
  triedAgain: (id: string, options?: StoryOptions): NewEvent[] => {
    const job = jobEvents(id, options);
    return [
      job.requested,
      job.accepted,
      job.assigned(1),
      job.started(1),
      job.attemptFailed(1, 'gpu-fault'),
      job.failed(1),
      job.retryRequested(1),
      job.scored(1),
      job.retryScheduled(2, 'oom'),
      job.assigned(2),
      job.started(2),
      job.attemptFailed(2, 'invalid'),
      job.failed(2),
      job.retryRequested(2),
      job.assigned(3),
      job.started(3),
      job.executed(3),
      job.scored(3),
      job.organised(3),
      job.gated(3),
      job.completed(3),
    ];
  },
} as const;
export type StoryName = keyof typeof STORIES;
