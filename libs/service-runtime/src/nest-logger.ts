import { types } from 'node:util';
import type { LoggerService } from '@nestjs/common';
import type { Logger } from './logger.js';

/** Nest's logging through ours. What Nest calls `log` is about its own start-up, so it becomes `debug`. */
export function nestLogger(logger: Logger): LoggerService {
  return {
    log: (message: unknown, ...rest: unknown[]) => logger.debug(context(rest), text(message)),
    verbose: (message: unknown, ...rest: unknown[]) => logger.trace(context(rest), text(message)),
    debug: (message: unknown, ...rest: unknown[]) => logger.debug(context(rest), text(message)),
    warn: (message: unknown, ...rest: unknown[]) => logger.warn(context(rest), text(message)),
    error: (message: unknown, ...rest: unknown[]) =>
      logger.error({ ...context(rest), ...failure(message) }, text(message)),
    fatal: (message: unknown, ...rest: unknown[]) =>
      logger.fatal({ ...context(rest), ...failure(message) }, text(message)),
  };
}

/** Nest passes its context as the last argument. */
function context(rest: readonly unknown[]): { readonly context?: string } {
  const last = rest.at(-1);
  return typeof last === 'string' ? { context: last } : {};
}

function failure(message: unknown): { readonly err?: Error } {
  return types.isNativeError(message) ? { err: message } : {};
}

function text(message: unknown): string {
  if (types.isNativeError(message)) return message.message;
  return typeof message === 'string' ? message : JSON.stringify(message);
}
