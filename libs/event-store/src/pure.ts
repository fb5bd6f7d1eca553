/** What pure code (deciders, projections) may use of this package: no I/O, no clock, no chance. */
export * from './event.js';
export * from './log-entry.js';
export * from './decider.js';
export * from './derived-ids.js';
