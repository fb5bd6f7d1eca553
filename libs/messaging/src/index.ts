export * from './consumer-table.js';
