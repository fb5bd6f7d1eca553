/** Why an embedded server could not be started or used. `code` is stable, `message` is for people. */
export type EmbeddedServerErrorCode =
  | 'unsupported-platform'
  | 'binary-missing'
  | 'binary-too-old'
  | 'data-in-use'
  | 'start-failed'
  | 'start-timeout'
  | 'os-user-missing';

/** Every one of these needs a person or another configuration: a retry of the same call fails again. */
export class EmbeddedServerError extends Error {
  override readonly name = 'EmbeddedServerError';
  readonly code: EmbeddedServerErrorCode;
  readonly retryable = false;

  constructor(code: EmbeddedServerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
