export { testEvent, type TestMeta } from './test-event.js';
export { newerEvent } from './newer-event.js';
export { given, recordAll, type Scenario } from './given.js';
export { swapProperty, type SwapOptions } from './swap-property.js';
export { collect } from './collect.js';
export { eventsOf } from './events-of.js';
export { executedAttempt, executedOutput, GRAPH_HASH, TRACE } from './executed-attempt.js';
export { recordSpans, type SpanRecord } from './record-spans.js';
export { startTcpProxy, type TcpProxy } from './jetstream/tcp-proxy.js';
