export * from './metrics.js';
export * from './spans.js';
