/** One kind of error: its HTTP status at the door, and whether the same request may succeed later. */
export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  readonly retryable: boolean;
}

/**
 * Every error of the product by code. The code is the last part of problem+json's `type`
 * (`urn:anime:problem:<code>`), and what logs, dead letters and events name.
 */
export const PROBLEMS = {
  'bad-json': { status: 400, title: 'The body is not JSON', retryable: false },
  'validation-failed': { status: 400, title: 'The request does not have the right form', retryable: false },
  'bad-cursor': { status: 400, title: 'The paging cursor is not one of ours', retryable: false },
  unauthenticated: { status: 401, title: 'The request carries no API key', retryable: false },
  'key-invalid': { status: 401, title: 'The API key is not valid', retryable: false },
  'scope-missing': { status: 403, title: 'The API key does not allow this', retryable: false },
  'not-found': { status: 404, title: 'There is no such thing', retryable: false },
  'job-not-found': { status: 404, title: 'There is no such job', retryable: false },
  'key-not-found': { status: 404, title: 'There is no such API key', retryable: false },
  'project-not-found': { status: 404, title: 'There is no such project', retryable: false },
  'dead-letter-not-found': { status: 404, title: 'There is no such dead letter', retryable: false },
  'executor-not-found': { status: 404, title: 'There is no such executor', retryable: false },
  'environment-not-found': { status: 404, title: 'There is no such environment', retryable: false },
  'template-not-found': { status: 404, title: 'There is no such workflow template', retryable: false },
  'method-not-allowed': { status: 405, title: 'The method is not allowed here', retryable: false },
  'append-conflict': { status: 409, title: 'Somebody else changed it first', retryable: true },
  'job-ended': { status: 409, title: 'The job has already ended', retryable: false },
  'job-not-failed': { status: 409, title: 'Only a failed job is tried again', retryable: false },
  'project-exists': { status: 409, title: 'A project has that slug already', retryable: false },
  'project-archived': { status: 409, title: 'The project is archived', retryable: false },
  'dead-letter-closed': { status: 409, title: 'The dead letter is closed', retryable: false },
  'template-changed': {
    status: 409,
    title: 'A version of a template was changed after it had been registered',
    retryable: false,
  },
  'blob-not-found': { status: 404, title: 'There is no such blob', retryable: false },
  'blob-corrupt': { status: 500, title: 'A blob does not have the content that its name promises', retryable: false },
  'precondition-failed': { status: 412, title: 'It was changed since it was read', retryable: false },
  'body-too-large': { status: 413, title: 'The body is too large', retryable: false },
  'event-too-large': { status: 413, title: 'The event would be larger than the log takes', retryable: false },
  'unsupported-media-type': {
    status: 415,
    title: 'The body does not have a media type that is taken here',
    retryable: false,
  },
  'headers-too-large': { status: 431, title: 'The head of the request is too large', retryable: false },
  'input-invalid': { status: 422, title: 'The body is not a picture that a job can take in', retryable: false },
  'parameter-invalid': { status: 422, title: 'A parameter is not what the template takes', retryable: false },
  'queue-full': { status: 429, title: 'Too many jobs wait already', retryable: true },
  'rate-limited': { status: 429, title: 'Too many requests', retryable: true },
  'idempotency-key-reused': { status: 422, title: 'The key was used for another request', retryable: false },
  'event-invalid': { status: 500, title: 'An event does not fit its contract', retryable: false },
  'event-missing': { status: 500, title: 'An event is not, or no longer, in the log', retryable: false },
  'event-unhandled': { status: 500, title: 'The consumer has no handler for this event any more', retryable: false },
  'checkpoint-mismatch': {
    status: 500,
    title: 'The read-model does not belong to this log; rebuild it',
    retryable: false,
  },
  'newer-contract': {
    status: 503,
    title: 'The log holds an event of a newer version than this build knows',
    retryable: false,
  },
  'log-incompatible': { status: 500, title: 'The event log is not as this build needs it', retryable: false },
  'configuration-invalid': { status: 500, title: 'The configuration is not valid', retryable: false },
  'undecodable-image': { status: 500, title: 'A picture cannot be decoded', retryable: false },
  internal: { status: 500, title: 'Something went wrong that should not', retryable: false },
  'comfyui-unavailable': { status: 503, title: 'ComfyUI does not answer', retryable: true },
  'log-unavailable': { status: 503, title: 'The event log cannot be reached', retryable: true },
  'log-full': { status: 503, title: 'The event log is full', retryable: true },
  'read-model-unavailable': { status: 503, title: 'The read-model cannot be reached', retryable: true },
  'position-not-reached': { status: 504, title: 'The read-model has not come that far in time', retryable: true },
  'key-damaged': { status: 500, title: 'The key of a sealed text is damaged', retryable: false },
  'seal-broken': { status: 500, title: 'A sealed text is not as it was sealed', retryable: false },
  'storage-failed': { status: 503, title: 'A file could not be written', retryable: true },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;
