export * from './consumer-table.js';
export { DeadLetters, failureData, type DeadLettersOptions } from './dead-letters.js';
export { defineReactor } from './define-reactor.js';
export { followLive } from './follow-live.js';
export { JetStreamStrategy, type JetStreamStrategyOptions } from './jetstream-strategy.js';
export { KvEntries } from './kv-entries.js';
export { KvLease, type KvLeaseOptions } from './kv-lease.js';
export {
  messageFilter,
  messageSubject,
  publishLive,
  publishProgress,
  subscribeLive,
  subscribeSigns,
  type LiveSubscription,
  type MessageData,
  type SubjectParams,
  type SubscribeOptions,
} from './live-messages.js';
export type { MessagingLogger, MessagingObserver } from './messaging-logger.js';
export { startStatusReporter, type StatusReporter, type StatusReporterOptions } from './status-reporter.js';
export * from './progress-follower.js';
export { ProgressMessage } from './progress-message.js';
export type { NatsSource, StreamLog } from './stream-log.js';
