export * from './main.js';
export {
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
export { createMetrics } from './metrics.js';
export { nestLogger } from './nest-logger.js';
export { problemOfHttpError } from './problem-filter.js';
export { Readiness, type CheckResult, type ReadinessCheck, type ReadinessReport } from './readiness.js';
export { runService, type RunningService, type RunServiceOptions } from './run-service.js';
export { ServiceParts, type ServicePartsOptions } from './service-parts.js';
