/** What can be wrong with a body. */
export const BODY_PROBLEMS = ['bad-json', 'validation-failed', 'body-too-large', 'unsupported-media-type'] as const;
/** What a decision's append can lead to. */
export const APPEND_PROBLEMS = ['event-too-large', 'append-conflict', 'log-full', 'log-unavailable'] as const;
/** What reading can lead to. */
export const READ_PROBLEMS = ['validation-failed', 'read-model-unavailable', 'position-not-reached'] as const;
/** What commands that seal what a person wrote can lead to. */
export const SEAL_PROBLEMS = ['storage-failed', 'key-damaged'] as const;
