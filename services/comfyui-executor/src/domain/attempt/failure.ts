import type { FailureClass, FailureEvidence, MemoryEvidence } from '@anime/contracts';

/** Why an attempt failed, as `job.attempt-failed` records it. */
export interface Failure {
  readonly class: FailureClass;
  /** A word for machines, e.g. `vanished`. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
  readonly evidence: FailureEvidence;
}

const MESSAGE_LIMIT = 20_000;
const TRACEBACK_LINE_LIMIT = 4_000;
const TRACEBACK_LIMIT = 100;

/** A failure without evidence from the server. */
export function failure(
  failureClass: FailureClass,
  reason: string,
  message: string,
  evidence: FailureEvidence = {},
): Failure {
  return { class: failureClass, reason, message, evidence };
}

/** What `execution_error` tells (contract of ComfyUI, §2). */
export interface NodeException {
  readonly nodeId: string | null;
  readonly nodeType: string | null;
  readonly exceptionType: string;
  readonly exceptionMessage: string;
  readonly traceback: readonly string[];
}

// torch.OutOfMemoryError, torch.cuda.OutOfMemoryError; older torch raises RuntimeError('CUDA out of memory…');
// "Allocation on device" is how ComfyUI words its own.
const OUT_OF_MEMORY_TYPE = /(^|\.)(OutOfMemoryError|MemoryError)$/;
const OUT_OF_MEMORY_TEXT = /\b(CUDA|HIP|XPU|MPS)\b.*out of memory|Allocation on device/i;
const GPU_FAULT_TEXT =
  /\b(CUDA|HIP) (driver )?error\b|CUBLAS_STATUS_|CUDNN_STATUS_|cuDNN error|device-side assert|illegal memory access|unspecified launch failure/i;
const GPU_FAULT_TYPE = /(^|\.)AcceleratorError$/;
// What a node raises that talks to another machine.
const CONNECTION_TYPE =
  /(^|\.)(Connection(Refused|Reset|Aborted)?Error|BrokenPipeError|TimeoutError|ReadTimeout|ConnectTimeout|ClientConnectorError|ServerDisconnectedError|URLError|IncompleteRead)$/;

/**
 * The class of a node's exception. A graph that was accepted and still raises is `internal`: the same graph would raise
 * again, so it is not retried blindly. Only what says that it comes from the network is transient.
 */
export function failureOfException(exception: NodeException): Failure {
  const name = [exception.nodeType, exception.nodeId === null ? null : `(node ${exception.nodeId})`]
    .filter((part) => part !== null)
    .join(' ');
  const text = exception.exceptionMessage.trim();
  return {
    class: classOfException(exception),
    reason: 'execution-error',
    message: `${name === '' ? 'A node' : name} raised ${exception.exceptionType}${text === '' ? '' : `: ${clip(text, 2_000)}`}`,
    evidence: {
      ...(exception.nodeId === null ? {} : { nodeId: exception.nodeId }),
      ...(exception.nodeType === null ? {} : { nodeType: exception.nodeType }),
      exceptionType: exception.exceptionType,
      exceptionMessage: clip(exception.exceptionMessage, MESSAGE_LIMIT),
      traceback: exception.traceback.slice(-TRACEBACK_LIMIT).map((line) => clip(line, TRACEBACK_LINE_LIMIT)),
    },
  };
}

/**
 * The same failure, or another attempt's chance when the node did not find an input of the job: it was deleted on the server after
 * the prompt was queued.
 * @param inputs the names of the job's inputs on the server
 */
export function asLostInput(failed: Failure, exception: NodeException, inputs: readonly string[]): Failure {
  const name = inputs.find((input) => exception.exceptionMessage.includes(input));
  if (name === undefined || exception.exceptionType !== 'FileNotFoundError') return failed;
  const message = `The input ${name} is not on the server any more: ${failed.message}`;
  return { ...failed, class: 'transient', reason: 'input-missing', message };
}

function classOfException({ exceptionType, exceptionMessage }: NodeException): FailureClass {
  if (OUT_OF_MEMORY_TYPE.test(exceptionType) || OUT_OF_MEMORY_TEXT.test(exceptionMessage)) return 'oom';
  if (GPU_FAULT_TYPE.test(exceptionType) || GPU_FAULT_TEXT.test(exceptionMessage)) return 'gpu-fault';
  if (CONNECTION_TYPE.test(exceptionType)) return 'transient';
  return 'internal';
}

/** The same failure with what is known of the GPU's memory. */
export function withMemory(failed: Failure, memory: MemoryEvidence): Failure {
  if (Object.keys(memory).length === 0) return failed;
  return { ...failed, evidence: { ...failed.evidence, memory } };
}

/** The start of a text, so that evidence never makes an event too large. */
export function clip(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

/** A value as evidence: its JSON, or the start of it. */
export function responseEvidence(value: unknown): string {
  return clip(typeof value === 'string' ? value : JSON.stringify(value), MESSAGE_LIMIT);
}
