/** The part of pino's logger that this library uses. */
export interface MessagingLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Told about each message or batch; a hook for metrics. */
export interface MessagingObserver {
  /** A reactor's message (`done`, `stale`, `retry`, `park`, `aborted`) or a reader's batch (`done`, `retry`). */
  handled(consumer: string, outcome: string, seconds: number): void;
  /** An entry without effect: `void`, `unknown`, `newer` or `fenced`. */
  skipped(consumer: string, status: string): void;
}
