/** A failure inside a node, reported the way ComfyUI reports a Python exception of this type. */
export class NodeExecutionError extends Error {
  override readonly name = 'NodeExecutionError';
  constructor(
    readonly exceptionType: string,
    message: string,
  ) {
    super(message);
  }
}

/** Thrown at a progress tick or node start after an interrupt. */
export class ExecutionInterrupted extends Error {
  override readonly name = 'ExecutionInterrupted';
}
