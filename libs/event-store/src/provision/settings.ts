import {
  DURABLES,
  EVENTS_ROOT,
  EVENTS_STREAM,
  PROGRESS_ROOT,
  PROGRESS_STREAM,
  type DurableContract,
} from '@anime/contracts';
import type { ConsumerConfig, StreamConfig } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';

/** KV bucket of the leases; its TTL is the life of a lease that is not renewed. */
export const LEASES_BUCKET = 'ANIME_LEASES';
export const LEASE_TTL_MS = 5_000;

/** KV bucket of the gateway: when each API key was last used. */
export const KEY_USE_BUCKET = 'ANIME_KEY_USE';
/** Bucket of the blobs, where services share no folder. */
export const BLOBS_BUCKET = 'ANIME_BLOBS';

/** Within this time a repeat of a message id is recognised by the server. */
export const DUPLICATE_WINDOW_MS = 10 * 60_000;

/** Names that a studio, or a test suite, may have of its own. */
export interface Topology {
  readonly stream: string;
  readonly root: string;
  readonly progressStream: string;
  readonly progressRoot: string;
  readonly leasesBucket: string;
  readonly keyUseBucket: string;
  readonly blobsBucket: string;
  readonly durables: readonly DurableContract[];
  /** Of what lies on disk; `none` lets a test search it. */
  readonly compression: 's2' | 'none';
  /** Copies of each stream in a cluster: 1, 3 or 5. */
  readonly replicas: number;
}

export function topology(options: Partial<Topology> = {}): Topology {
  return {
    stream: options.stream ?? EVENTS_STREAM,
    root: options.root ?? EVENTS_ROOT,
    progressStream: options.progressStream ?? PROGRESS_STREAM,
    progressRoot: options.progressRoot ?? PROGRESS_ROOT,
    leasesBucket: options.leasesBucket ?? LEASES_BUCKET,
    keyUseBucket: options.keyUseBucket ?? KEY_USE_BUCKET,
    blobsBucket: options.blobsBucket ?? BLOBS_BUCKET,
    durables: options.durables ?? DURABLES,
    compression: options.compression ?? 's2',
    replicas: options.replicas ?? 1,
  };
}

export type StreamSettings = Partial<StreamConfig> & { readonly name: string };
export type DurableSettings = Partial<ConsumerConfig> & { readonly durable_name: string };

const UNCOUNTED = { max_msgs: -1, max_msg_size: -1, max_consumers: -1 } as const;
const UNLIMITED = { ...UNCOUNTED, max_bytes: -1 } as const;

/**
 * What no stream of ours may have: it would acknowledge before it stores, take in, rewrite, copy or drop messages, or
 * keep readers from being made. Only compared, not sent: a server that does not know one of them may refuse it.
 */
export const OFF_IN_STREAMS = {
  no_ack: false,
  persist_mode: '',
  sealed: false,
  mirror: null,
  mirror_direct: false,
  sources: null,
  subject_transform: null,
  republish: null,
  discard_new_per_subject: false,
  consumer_limits: null,
  allow_msg_ttl: false,
  subject_delete_marker_ttl: 0,
  allow_msg_counter: false,
  allow_msg_schedules: false,
} satisfies Partial<Record<keyof StreamConfig, false | 0 | '' | null>>;

/**
 * What no durable of ours may have: it would hold messages back or cut them, push them, forget its place, or slow readers
 * down. Where it starts (`deliver_policy`, `opt_start_…`) is not here: that was chosen once, when it was made.
 */
export const OFF_IN_DURABLES = {
  headers_only: false,
  filter_subjects: null,
  inactive_threshold: 0,
  mem_storage: false,
  pause_until: '',
  max_batch: 0,
  max_expires: 0,
  max_bytes: 0,
  backoff: null,
  priority_policy: '',
  priority_groups: null,
  priority_timeout: 0,
  deliver_subject: '',
  deliver_group: '',
  flow_control: false,
  idle_heartbeat: 0,
  rate_limit_bps: 0,
} satisfies Partial<Record<keyof ConsumerConfig, false | 0 | '' | null>>;

/** A stream's settings as they are compared. */
export function neededOfStream(settings: StreamSettings): object {
  return { ...OFF_IN_STREAMS, ...settings };
}

/** A durable's settings as they are compared. */
export function neededOfDurable(settings: DurableSettings): object {
  return { ...OFF_IN_DURABLES, ...settings };
}

/**
 * Every stream with every setting that matters. What is named neither here nor in `OFF_IN_STREAMS` is the operator's
 * choice (`placement`, `metadata`) or the server's default, and not compared.
 */
export function streamSettings(names: Topology): readonly StreamSettings[] {
  return [
    {
      ...UNLIMITED,
      name: names.stream,
      description: 'domain events of one studio in one total order',
      subjects: [`${names.root}.>`],
      storage: 'file',
      compression: names.compression,
      retention: 'limits',
      discard: 'new',
      max_age: 0,
      max_msgs_per_subject: -1,
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
      deny_delete: true,
      deny_purge: true,
      allow_direct: true,
      allow_rollup_hdrs: false,
      num_replicas: names.replicas,
    },
    {
      ...UNLIMITED,
      name: names.progressStream,
      description: 'progress of running attempts, kept for an hour',
      subjects: [`${names.progressRoot}.>`],
      storage: 'file',
      retention: 'limits',
      discard: 'old',
      max_age: nanos(60 * 60_000),
      max_msgs_per_subject: 2048,
      allow_direct: true,
      num_replicas: names.replicas,
    },
    {
      ...keyValueBucket(names.leasesBucket, names),
      description: 'who may try to lead or to hold an executor; only a hint',
      max_age: nanos(LEASE_TTL_MS),
      duplicate_window: nanos(LEASE_TTL_MS),
    },
    {
      ...keyValueBucket(names.keyUseBucket, names),
      description: 'when each API key was last used',
      max_age: 0,
    },
    {
      // The operator may give it `max_bytes`, so that blobs never take the room that events need.
      ...UNCOUNTED,
      // The layout of a NATS object store (ADR-20), and the marks of unfinished uploads.
      name: `OBJ_${names.blobsBucket}`,
      description: 'blobs, where services share no folder',
      subjects: [`$O.${names.blobsBucket}.C.>`, `$O.${names.blobsBucket}.M.>`, `$O.${names.blobsBucket}.U.>`],
      storage: 'file',
      retention: 'limits',
      discard: 'new',
      max_age: 0,
      max_msgs_per_subject: -1,
      deny_delete: true,
      // What is left of an upload that failed is purged.
      deny_purge: false,
      allow_direct: true,
      // A header on one chunk could purge all blobs.
      allow_rollup_hdrs: false,
      num_replicas: names.replicas,
    },
  ];
}

/** The layout of a NATS key-value bucket (ADR-8 of nats-architecture-and-design) that keeps one value a key. */
function keyValueBucket(bucket: string, { replicas }: Topology): StreamSettings {
  return {
    ...UNLIMITED,
    name: `KV_${bucket}`,
    subjects: [`$KV.${bucket}.>`],
    storage: 'file',
    retention: 'limits',
    discard: 'new',
    max_msgs_per_subject: 1,
    deny_delete: true,
    allow_direct: true,
    // A header on one key could purge all of them.
    allow_rollup_hdrs: false,
    num_replicas: replicas,
  };
}

/** What builds before this one gave a stream otherwise, by its name. Only this does `provision` change of what it finds. */
export function earlierSettings({ leasesBucket, keyUseBucket }: Topology): ReadonlyMap<string, Partial<StreamConfig>> {
  return new Map([leasesBucket, keyUseBucket].map((bucket) => [`KV_${bucket}`, { allow_rollup_hdrs: true }]));
}

/** Filter and timing of a durable where it differs from the usual: unfiltered, 30 s. */
export interface DurableShape {
  readonly description?: string;
  readonly filterSubject?: string;
  readonly ackWaitMs?: number;
}

/** A reactor's durable. Where it starts is chosen once, at creation, and is no setting to compare. */
export function durableSettings(name: string, shape: DurableShape = {}): DurableSettings {
  return {
    durable_name: name,
    ...(shape.description === undefined ? {} : { description: shape.description }),
    ack_policy: 'explicit',
    ack_wait: nanos(shape.ackWaitMs ?? 30_000),
    max_deliver: -1,
    max_ack_pending: 1000,
    max_waiting: 512,
    replay_policy: 'instant',
    filter_subject: shape.filterSubject ?? '',
  };
}

/** The same as a request to create it: the client makes an invalid subject of a filter that is ''. */
export function durableRequest(settings: DurableSettings, from: 'now' | 'start'): DurableSettings {
  const { filter_subject, ...rest } = settings;
  return {
    ...rest,
    ...(filter_subject === '' || filter_subject === undefined ? {} : { filter_subject }),
    deliver_policy: from === 'now' ? 'new' : 'all',
  };
}
