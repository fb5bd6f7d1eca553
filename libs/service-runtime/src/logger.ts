import { isSpanContextValid, trace } from '@opentelemetry/api';
import {
  destination as openDestination,
  pino,
  stdTimeFunctions,
  type DestinationStream,
  type Logger as PinoLogger,
} from 'pino';
import type { LogLevel } from './config.js';

export type Logger = PinoLogger;

export interface LoggerOptions {
  /** Default: LOG_LEVEL of the environment when it is a level, else `info`. */
  readonly level?: LogLevel;
  /** Default: stderr, written synchronously so that the last words of a dying process are not lost. */
  readonly destination?: DestinationStream;
}

/**
 * A JSON line logger. Lines carry `trace_id` and `span_id` while a span is active. Standard output is left alone: it
 * carries the one line that says where the service listens.
 */
export function createLogger(service: string, options: LoggerOptions = {}): Logger {
  return pino(
    {
      level: options.level ?? levelOfEnvironment(),
      base: { service, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: activeSpan,
    },
    options.destination ?? openDestination({ fd: 2, sync: true }),
  );
}

function levelOfEnvironment(): string {
  const level = process.env['LOG_LEVEL'];
  return level !== undefined && (level in pino.levels.values || level === 'silent') ? level : 'info';
}

function activeSpan(): object {
  const span = trace.getActiveSpan()?.spanContext();
  return span !== undefined && isSpanContextValid(span) ? { trace_id: span.traceId, span_id: span.spanId } : {};
}
