// The door of `main.ts` files: nothing here loads http, Nest or a driver, which must come after tracing has started.
export { EXIT_CONFIGURATION, runMain } from './run-main.js';
export { startTelemetry, stopTelemetry } from './telemetry.js';
export { requireNode } from './node-version.js';
