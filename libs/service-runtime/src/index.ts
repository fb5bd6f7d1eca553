export * from './main.js';
export {
  accessConfig,
  baseConfig,
  blobsConfig,
  configurationLines,
  databaseConfig,
  Flag,
  folder,
  hasEncodedLogin,
  LOG_LEVELS,
  Port,
  readConfig,
  subjectKeysConfig,
  wholeNumber,
  type LogLevel,
} from './config.js';
export { fieldErrors, type RequestPart } from './field-errors.js';
export { createLogger, type Logger, type LoggerOptions } from './logger.js';
export { counter, createMetrics, gauge, histogram } from './metrics.js';
export { nestLogger } from './nest-logger.js';
export type { Registry } from 'prom-client';
export { problemOfHttpError } from './problem-filter.js';
export { Readiness, type CheckResult, type ReadinessCheck, type ReadinessReport } from './readiness.js';
export { traceRequest, type RequestToTrace, type TracedRequest } from './request-spans.js';
export { runService, type RunningService, type RunServiceOptions } from './run-service.js';
export { ServiceParts, type ServicePartsOptions } from './service-parts.js';
