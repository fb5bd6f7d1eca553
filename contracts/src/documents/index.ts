export * from './schemas.js';
export * from './asyncapi.js';
export * from './released.js';
