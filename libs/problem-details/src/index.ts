export * from './problem-error.js';
export * from './problem-json.js';
