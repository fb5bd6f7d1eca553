import { SERVICES, type ServiceName } from '../event-contract.js';

/** A kind of span, as OpenTelemetry names them. */
export type SpanKindName = 'server' | 'client' | 'producer' | 'consumer' | 'internal';

/** What a span of the product is called and may carry. Traces are read by people and queried by dashboards. */
export interface SpanDefinition<Attribute extends string = string> {
  /** With `{placeholders}`. */
  readonly name: string;
  readonly kind: SpanKindName;
  readonly services: readonly ServiceName[];
  readonly description: string;
  /** All that it may carry: ids, paths of the library and figures; nothing that people or prompts say (law 11). */
  readonly attributes: readonly Attribute[];
  /** The instrumentation that makes it; absent: the product's own code. */
  readonly instrumentation?: string;
}

/** Of every span that ends with an error, beside its status. */
const ERROR = 'error.type';

/** As OpenTelemetry's messaging conventions name them. */
const MESSAGING = [
  'messaging.system',
  'messaging.operation.name',
  'messaging.operation.type',
  'messaging.destination.name',
] as const;
const CONSUMER = [...MESSAGING, 'messaging.consumer.group.name', ERROR] as const;
const EVENT = ['messaging.message.id', 'anime.event.type', 'anime.aggregate.id', 'anime.position'] as const;
const BATCH = [...CONSUMER, 'messaging.batch.message_count', 'anime.position'] as const;
const DATABASE = [
  'db.system.name',
  'db.namespace',
  'db.query.text',
  'server.address',
  'server.port',
  'db.client.connection.pool.name',
  ERROR,
] as const;

function span<const Attribute extends string>(definition: SpanDefinition<Attribute>): SpanDefinition<Attribute> {
  return Object.freeze(definition);
}

/** Every span that the product makes. */
export const SPANS = {
  request: span({
    name: '{method} {route}',
    kind: 'server',
    services: SERVICES,
    description:
      "one HTTP request, or a viewer's WebSocket until it is taken; `/health`, `/ready` and `/metrics` have none",
    attributes: ['http.request.method', 'http.route', 'url.path', 'http.response.status_code', ERROR],
  }),
  publish: span({
    name: 'publish {event}',
    kind: 'producer',
    services: ['gateway', 'orchestrator', 'comfyui-executor', 'quality-scorer', 'file-organizer'],
    description: "an append to the log; the event's `traceparent` names this span",
    attributes: [...MESSAGING, 'messaging.destination.template', ...EVENT, 'anime.duplicate', ERROR],
  }),
  process: span({
    name: 'process {event}',
    kind: 'consumer',
    services: ['comfyui-executor', 'quality-scorer', 'file-organizer'],
    description: 'one try of a reactor to act on an event',
    attributes: [...CONSUMER, ...EVENT, 'anime.deliveries', 'anime.outcome'],
  }),
  park: span({
    name: 'park {event}',
    kind: 'consumer',
    services: ['comfyui-executor', 'quality-scorer', 'file-organizer'],
    description: 'a reactor gives an event up',
    attributes: [...CONSUMER, ...EVENT, 'anime.deliveries'],
  }),
  decide: span({
    name: 'decide {step}',
    kind: 'consumer',
    services: ['orchestrator'],
    description: "what is due for a job; a child of the append of the job's newest event",
    attributes: [
      'messaging.system',
      'messaging.operation.name',
      'messaging.operation.type',
      'messaging.message.id',
      'anime.aggregate.id',
      ERROR,
    ],
  }),
  project: span({
    name: 'project {event}',
    kind: 'consumer',
    services: ['gateway', 'progress-relay'],
    description: 'an event in a batch of a projection; linked to the span of the batch',
    attributes: [...CONSUMER, ...EVENT],
  }),
  projectBatch: span({
    name: 'project batch',
    kind: 'consumer',
    services: ['gateway', 'progress-relay'],
    description: 'the transaction that writes a batch of events into a read-model; a trace of its own',
    attributes: BATCH,
  }),
  processBatch: span({
    name: 'process batch',
    kind: 'consumer',
    services: ['gateway', 'orchestrator'],
    description: 'a batch that a process folds; a trace of its own',
    attributes: BATCH,
  }),
  show: span({
    name: 'show {event}',
    kind: 'internal',
    services: ['progress-relay'],
    description: 'an event is shown to the viewers of its job',
    attributes: ['messaging.message.id', 'anime.aggregate.id', 'anime.viewers', ERROR],
  }),
  measure: span({
    name: 'measure picture',
    kind: 'internal',
    services: ['quality-scorer'],
    description: 'all metrics of one output',
    attributes: ['anime.node', 'anime.index', 'anime.media_type', ERROR],
  }),
  file: span({
    name: 'file {role}',
    kind: 'internal',
    services: ['file-organizer'],
    description: 'one file is placed in the library; its path is relative to the library',
    attributes: ['file.path', 'file.size', 'anime.media_type', ERROR],
  }),
  httpClient: span({
    name: '{method}',
    kind: 'client',
    services: ['comfyui-executor'],
    description: 'a request to ComfyUI',
    attributes: [
      'http.request.method',
      'http.request.method_original',
      'http.response.status_code',
      'http.response.header.content-length',
      'url.full',
      'url.path',
      'url.query',
      'url.scheme',
      'server.address',
      'server.port',
      'user_agent.original',
      'network.peer.address',
      'network.peer.port',
      'network.protocol.version',
      ERROR,
    ],
    instrumentation: '@opentelemetry/instrumentation-undici',
  }),
  database: span({
    name: 'pg.query:{operation} {database}',
    kind: 'client',
    services: ['gateway', 'orchestrator'],
    description: 'a statement; its text has placeholders and no values',
    attributes: [...DATABASE, 'db.postgresql.plan'],
    instrumentation: '@opentelemetry/instrumentation-pg',
  }),
  databaseConnect: span({
    name: 'pg.connect',
    kind: 'client',
    services: ['gateway', 'orchestrator'],
    description: 'a connection is opened',
    attributes: DATABASE,
    instrumentation: '@opentelemetry/instrumentation-pg',
  }),
  databasePool: span({
    name: 'pg-pool.connect',
    kind: 'client',
    services: ['gateway', 'orchestrator'],
    description: 'a connection is taken from the pool',
    attributes: [...DATABASE, 'db.postgresql.idle.timeout.millis', 'db.postgresql.max.client'],
    instrumentation: '@opentelemetry/instrumentation-pg',
  }),
} as const;

/** A span's name with its placeholders filled in; one that has no value, e.g. the route of an unknown path, falls away. */
export function spanName({ name }: Pick<SpanDefinition, 'name'>, values: Readonly<Record<string, string>>): string {
  return name.replace(/\{(\w+)\}/g, (_, key: string) => values[key] ?? '').trimEnd();
}
