export * from './pure.js';
export * from './event-log.js';
export { endOfLog, kindUntilNow } from './end-of-log.js';
export { lastEventOnSubject } from './last-event-on-subject.js';
export { wasGivenUp } from './given-up.js';
export { newerContract, newerEntry, type NewerEntry } from './newer-contract.js';
export * from './ids.js';
export * from './canonical-json.js';
export * from './body.js';
export * from './tracing.js';
export { classify } from './codec/classify.js';
export { encodeEvent, type EncodedEvent } from './codec/encode-event.js';
export { fence, TermTable } from './codec/term-table.js';
export { checkpointId, type StoredMessage } from './codec/stored-message.js';
export { JetStreamLog, openLog, type JetStreamLogOptions } from './jetstream/jetstream-log.js';
export type { NatsCredentials } from './jetstream/connection-options.js';
export type { LinkState } from './jetstream/nats-link.js';
export { createDurable, provision, type ProvisionOptions, type ProvisionReport } from './provision/provision.js';
export type { ProvisionTarget } from './provision/with-manager.js';
export { listDurables, type ListedDurable } from './provision/list-durables.js';
export { PROVISION_USER, studioRights, type RightsOptions, type UserRights } from './permissions/user-rights.js';
export { natsUrlFor, passwordVariable, quoted, renderNatsUsers } from './permissions/nats-users.js';
export { checkServerVersion } from './provision/server-check.js';
export {
  BLOBS_BUCKET,
  DUPLICATE_WINDOW_MS,
  LEASE_TTL_MS,
  KEY_USE_BUCKET,
  LEASES_BUCKET,
  type DurableShape,
  type Topology,
} from './provision/settings.js';
export { AggregateCache, type AggregateCacheOptions, type Loaded } from './aggregates/aggregate-cache.js';
export { appendDecision, refusal } from './aggregates/append-decision.js';
export { handleCommand, type CommandRequest, type CommandResult } from './aggregates/handle-command.js';
export type { Snapshot, SnapshotStore } from './aggregates/snapshot-store.js';
