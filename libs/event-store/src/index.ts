export * from './event.js';
export * from './log-entry.js';
export * from './event-log.js';
export * from './decider.js';
