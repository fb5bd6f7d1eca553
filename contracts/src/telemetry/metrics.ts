import { SERVICES, type ServiceName } from '../event-contract.js';

/** A metric that `/metrics` shows, in Prometheus' words. Every series also has the label `service`. */
export interface MetricDefinition<
  Kind extends 'counter' | 'gauge' | 'histogram' = 'counter' | 'gauge' | 'histogram',
  Label extends string = string,
> {
  /** `anime_…`; a unit stands in the name, a counter ends in `_total`. */
  readonly name: string;
  readonly kind: Kind;
  readonly help: string;
  /** Their values are few and known: no ids, no names of files, nothing that people write. */
  readonly labels: readonly Label[];
  readonly services: readonly ServiceName[];
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly buckets?: readonly number[];
}

function metric<const Kind extends MetricDefinition['kind'], const Label extends string = never>(
  definition: MetricDefinition<Kind, Label>,
): MetricDefinition<Kind, Label> {
  return Object.freeze(definition);
}

/** From a millisecond to minutes: what a handler, a prompt or a wait takes. */
const WORK_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600];
const SHORT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Every metric of the product's own; Node's `process_…` and `nodejs_…` come beside them. */
export const METRICS = {
  buildInfo: metric({
    name: 'anime_build_info',
    kind: 'gauge',
    help: 'Always 1; the labels say what runs',
    labels: ['version', 'node'],
    services: SERVICES,
  }),
  natsConnected: metric({
    name: 'anime_nats_connected',
    kind: 'gauge',
    help: '1 while NATS is connected',
    labels: [],
    services: SERVICES,
  }),
  httpDuration: metric({
    name: 'anime_http_request_duration_seconds',
    kind: 'histogram',
    help: 'How long a request took, by route; `unknown` is the route of all paths that have none',
    labels: ['method', 'route', 'status'],
    services: SERVICES,
    buckets: SHORT_SECONDS,
  }),
  consumerPosition: metric({
    name: 'anime_consumer_position',
    kind: 'gauge',
    help: 'Position in the log up to which it has read; a projection is a consumer of kind `projection`',
    labels: ['consumer', 'kind'],
    services: SERVICES,
  }),
  consumerLag: metric({
    name: 'anime_consumer_lag',
    kind: 'gauge',
    help: 'Events still to be read',
    labels: ['consumer', 'kind'],
    services: SERVICES,
  }),
  consumerRunning: metric({
    name: 'anime_consumer_running',
    kind: 'gauge',
    help: '1 when it runs',
    labels: ['consumer', 'kind'],
    services: SERVICES,
  }),
  consumerStandby: metric({
    name: 'anime_consumer_standby',
    kind: 'gauge',
    help: '1 while another process does its work',
    labels: ['consumer', 'kind'],
    services: SERVICES,
  }),
  consumerHandled: metric({
    name: 'anime_consumer_handled_total',
    kind: 'counter',
    help: 'Messages or batches handled, by outcome',
    labels: ['consumer', 'outcome'],
    services: SERVICES,
  }),
  consumerHandling: metric({
    name: 'anime_consumer_handling_seconds',
    kind: 'histogram',
    help: 'How long a handler took',
    labels: ['consumer'],
    services: SERVICES,
    buckets: WORK_SECONDS,
  }),
  consumerSkipped: metric({
    name: 'anime_consumer_skipped_total',
    kind: 'counter',
    help: 'Messages without effect: void, unknown, newer or fenced',
    labels: ['consumer', 'status'],
    services: SERVICES,
  }),
  openJobs: metric({
    name: 'anime_jobs_open',
    kind: 'gauge',
    help: 'Jobs that have not ended, by state; only the orchestrator that leads shows it',
    labels: ['state'],
    services: ['orchestrator'],
  }),
  decisions: metric({
    name: 'anime_orchestrator_decisions_total',
    kind: 'counter',
    help: 'Decisions that this process wrote, by event type: `job.retry-scheduled` are the retries',
    labels: ['event'],
    services: ['orchestrator'],
  }),
  attempts: metric({
    name: 'anime_executor_attempts_total',
    kind: 'counter',
    help: 'Attempts that ended here, by outcome and, of failed ones, failure class, of declined ones, reason',
    labels: ['executor', 'outcome', 'class'],
    services: ['comfyui-executor'],
  }),
  promptDuration: metric({
    name: 'anime_executor_prompt_seconds',
    kind: 'histogram',
    help: 'From sending (or finding) a prompt to its end on the server',
    labels: ['executor'],
    services: ['comfyui-executor'],
    buckets: WORK_SECONDS,
  }),
  queueWait: metric({
    name: 'anime_executor_queue_wait_seconds',
    kind: 'histogram',
    help: 'How long an assigned attempt waited for a slot of its server',
    labels: ['executor'],
    services: ['comfyui-executor'],
    buckets: WORK_SECONDS,
  }),
  gpuMemory: metric({
    name: 'anime_executor_gpu_memory_bytes',
    kind: 'gauge',
    help: 'Memory of the GPU as the server told it last, by figure: total, or free; none for a CPU',
    labels: ['executor', 'figure'],
    services: ['comfyui-executor'],
  }),
  pictureScoring: metric({
    name: 'anime_scorer_picture_seconds',
    kind: 'histogram',
    help: 'How long all metrics of one output took, decoding included',
    labels: [],
    services: ['quality-scorer'],
    buckets: SHORT_SECONDS,
  }),
  metricScoring: metric({
    name: 'anime_scorer_metric_seconds',
    kind: 'histogram',
    help: 'How long one metric of one output took without decoding; metrics that share a run of the graph count it each',
    labels: ['metric'],
    services: ['quality-scorer'],
    buckets: SHORT_SECONDS,
  }),
  filing: metric({
    name: 'anime_organizer_file_seconds',
    kind: 'histogram',
    help: 'How long one file took until it was durable in the library',
    labels: ['role'],
    services: ['file-organizer'],
    buckets: SHORT_SECONDS,
  }),
  relayMessages: metric({
    name: 'anime_relay_messages_total',
    kind: 'counter',
    help: 'Messages sent to viewers, by type',
    labels: ['type'],
    services: ['progress-relay'],
  }),
  relayCoalesced: metric({
    name: 'anime_relay_coalesced_total',
    kind: 'counter',
    help: 'Progress messages that stand for several',
    labels: [],
    services: ['progress-relay'],
  }),
  relayOpened: metric({
    name: 'anime_relay_viewers_opened_total',
    kind: 'counter',
    help: 'Viewers that connected',
    labels: [],
    services: ['progress-relay'],
  }),
  relayDismissed: metric({
    name: 'anime_relay_viewers_dismissed_total',
    kind: 'counter',
    help: 'Viewers that the relay closed, by close code',
    labels: ['code'],
    services: ['progress-relay'],
  }),
  relayInvalid: metric({
    name: 'anime_relay_invalid_progress_total',
    kind: 'counter',
    help: 'Progress messages that break their contract',
    labels: [],
    services: ['progress-relay'],
  }),
  relayViewers: metric({
    name: 'anime_relay_viewers',
    kind: 'gauge',
    help: 'Viewers that are connected',
    labels: [],
    services: ['progress-relay'],
  }),
} as const;
