/** What `execution_error` tells (contract §2). */
export interface ExecutionError {
  /** Of the graph's own node, also where a node that it expanded into raised. */
  readonly nodeId: string | null;
  readonly nodeType: string | null;
  readonly exceptionType: string;
  readonly exceptionMessage: string;
  readonly traceback: readonly string[];
  /** The failed node's inputs as the server prints them, cut where they are long (a tensor). */
  readonly currentInputs: Readonly<Record<string, readonly string[]>>;
  /** Nodes that had ended; their files exist (contract §1.3, 16). */
  readonly executed: readonly string[];
}

const INPUT_LIMIT = 1_000;

/** Reads the payload of `execution_error`, as it stands in history and comes over the websocket. */
export function executionError(data: Readonly<Record<string, unknown>>): ExecutionError {
  return {
    nodeId: text(data['node_id']),
    nodeType: text(data['node_type']),
    exceptionType: text(data['exception_type']) ?? 'unknown',
    exceptionMessage: text(data['exception_message']) ?? '',
    traceback: texts(data['traceback']),
    currentInputs: currentInputs(data['current_inputs']),
    executed: texts(data['executed']),
  };
}

/** An object; an empty list where there are none. */
function currentInputs(value: unknown): Record<string, readonly string[]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(
    Object.entries(value).map(([name, printed]) => [name, (Array.isArray(printed) ? printed : [printed]).map(asText)]),
  );
}

function asText(value: unknown): string {
  const whole = typeof value === 'string' ? value : JSON.stringify(value);
  return whole.length <= INPUT_LIMIT ? whole : `${whole.slice(0, INPUT_LIMIT - 1)}…`;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((line) => typeof line === 'string') : [];
}
