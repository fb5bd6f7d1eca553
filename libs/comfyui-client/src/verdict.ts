import type { EndedPrompt, StatusMessage } from './answers.js';
import { executionError, type ExecutionError } from './execution-error.js';

/** How a prompt ended. `unknown`: the entry has no terminal message at all. */
export type Verdict =
  | { readonly kind: 'success' }
  | { readonly kind: 'error'; readonly error: ExecutionError }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'unknown' };

const TERMINAL = new Set(['execution_success', 'execution_error', 'execution_interrupted']);

/**
 * The verdict is the last terminal entry of `status.messages`, never `status_str`: a run-time dependency cycle is
 * reported there as "success" (contract §1.3, 10), and an interrupted prompt as "error" (13). A success need not have the
 * outputs that were wanted (11): look for their files.
 */
export function verdictOf(ended: Pick<EndedPrompt, 'messages'>): Verdict {
  const last = ended.messages.findLast(([name]) => TERMINAL.has(name));
  switch (last?.[0]) {
    case 'execution_success':
      return { kind: 'success' };
    case 'execution_interrupted':
      return { kind: 'interrupted' };
    case 'execution_error':
      return { kind: 'error', error: executionError(last[1]) };
    default:
      return { kind: 'unknown' };
  }
}

/** Nodes that were answered from the cache. */
export function cachedNodes(ended: Pick<EndedPrompt, 'messages'>): readonly string[] {
  const nodes = messageOf(ended.messages, 'execution_cached')?.['nodes'];
  return Array.isArray(nodes) ? nodes.filter((node) => typeof node === 'string') : [];
}

/** Milliseconds from start to end by the server's own clock; null where it gave no times. */
export function executionMs(ended: Pick<EndedPrompt, 'messages'>): number | null {
  const start = messageOf(ended.messages, 'execution_start')?.['timestamp'];
  const end = ended.messages.findLast(([name]) => TERMINAL.has(name))?.[1]['timestamp'];
  return typeof start === 'number' && typeof end === 'number' && end >= start ? end - start : null;
}

function messageOf(messages: readonly StatusMessage[], name: string): Readonly<Record<string, unknown>> | undefined {
  return messages.find((message) => message[0] === name)?.[1];
}
