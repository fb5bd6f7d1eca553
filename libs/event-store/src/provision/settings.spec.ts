import { describe, expect, it } from '@jest/globals';
import { durableSettings, neededOfDurable, neededOfStream, streamSettings, topology } from './settings.js';

// Written out, not derived from the tables: what is dropped from those must be missed here.

const S = 1e9;

const NEEDED_OF_ALL_STREAMS = {
  storage: 'file',
  retention: 'limits',
  max_msgs: -1,
  max_bytes: -1,
  max_msg_size: -1,
  max_consumers: -1,
  allow_direct: true,
  num_replicas: 3,
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
};

describe('the settings that are needed', () => {
  const streams = streamSettings(
    topology({
      stream: 'E',
      root: 'e',
      progressStream: 'P',
      progressRoot: 'p',
      leasesBucket: 'L',
      keyUseBucket: 'U',
      blobsBucket: 'B',
      replicas: 3,
    }),
  ).map(neededOfStream);

  it('of the log keep every event for ever, in one order, and know a repeat for ten minutes', () => {
    expect(streams[0]).toStrictEqual({
      ...NEEDED_OF_ALL_STREAMS,
      name: 'E',
      description: expect.any(String),
      subjects: ['e.>'],
      compression: 's2',
      discard: 'new',
      max_age: 0,
      max_msgs_per_subject: -1,
      duplicate_window: 600 * S,
      deny_delete: true,
      deny_purge: true,
      allow_rollup_hdrs: false,
    });
  });

  it('of the progress stream keep 2048 messages of a job, for an hour', () => {
    expect(streams[1]).toStrictEqual({
      ...NEEDED_OF_ALL_STREAMS,
      name: 'P',
      description: expect.any(String),
      subjects: ['p.>'],
      discard: 'old',
      max_age: 3_600 * S,
      max_msgs_per_subject: 2_048,
    });
  });

  it('of the leases are those of a key-value bucket with one value a key, gone after five seconds', () => {
    expect(streams[2]).toStrictEqual({
      ...NEEDED_OF_ALL_STREAMS,
      name: 'KV_L',
      description: expect.any(String),
      subjects: ['$KV.L.>'],
      discard: 'new',
      max_age: 5 * S,
      max_msgs_per_subject: 1,
      duplicate_window: 5 * S,
      deny_delete: true,
      allow_rollup_hdrs: false,
    });
  });

  it("of the keys' last use are those of a key-value bucket with one value a key, kept for ever", () => {
    expect(streams[3]).toStrictEqual({
      ...NEEDED_OF_ALL_STREAMS,
      name: 'KV_U',
      description: expect.any(String),
      subjects: ['$KV.U.>'],
      discard: 'new',
      max_age: 0,
      max_msgs_per_subject: 1,
      deny_delete: true,
      allow_rollup_hdrs: false,
    });
  });

  it('of the blobs keep every chunk until it is purged, and leave their bound to the operator', () => {
    const { max_bytes: _operators, ...needed } = NEEDED_OF_ALL_STREAMS;
    expect(streams[4]).toStrictEqual({
      ...needed,
      name: 'OBJ_B',
      description: expect.any(String),
      subjects: ['$O.B.C.>', '$O.B.M.>', '$O.B.U.>'],
      discard: 'new',
      max_age: 0,
      max_msgs_per_subject: -1,
      deny_delete: true,
      deny_purge: false,
      allow_rollup_hdrs: false,
    });
    expect(streams).toHaveLength(5);
  });

  it('of a durable hand every message over, at once, until it is acknowledged', () => {
    const usual = {
      durable_name: 'd',
      ack_policy: 'explicit',
      ack_wait: 30 * S,
      max_deliver: -1,
      max_ack_pending: 1_000,
      max_waiting: 512,
      replay_policy: 'instant',
      filter_subject: '',
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
    };
    expect(neededOfDurable(durableSettings('d'))).toStrictEqual(usual);
    const own = { description: 'orders', filterSubject: 'e.job.*', ackWaitMs: 10_000 };
    expect(neededOfDurable(durableSettings('d', own))).toStrictEqual({
      ...usual,
      description: 'orders',
      filter_subject: 'e.job.*',
      ack_wait: 10 * S,
    });
  });
});
