export * from './graph-hash.js';
export * from './resolve-parameters.js';
export * from './compile-graph.js';
