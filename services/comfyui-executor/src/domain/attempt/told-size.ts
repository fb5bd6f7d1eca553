import type { FailureEvidence } from '@anime/contracts';

/** Of JSON in UTF-8, in bytes. Together less than half of what an event takes (law 3). */
const MESSAGE_BYTES = 8 * 1024;
const TEXT_BYTES = 20 * 1024;
const TRACEBACK_BYTES = 40 * 1024;
const NAME_BYTES = 1024;

interface Told {
  readonly message: string;
  readonly evidence: FailureEvidence;
}

/**
 * The same failure or decline, as much of it as an event surely takes: what a server says may be of any length, and a reason that
 * cannot be stored would be lost. Of texts the start is kept, of a traceback the end.
 */
export function withinEvent<T extends Told>(told: T): T {
  const { message, evidence } = told;
  const shorter: { -readonly [K in keyof FailureEvidence]: FailureEvidence[K] } = { ...evidence };
  for (const key of ['nodeId', 'nodeType', 'exceptionType'] as const) {
    const text = evidence[key];
    if (text !== undefined) shorter[key] = start(text, NAME_BYTES);
  }
  for (const key of ['exceptionMessage', 'response'] as const) {
    const text = evidence[key];
    if (text !== undefined) shorter[key] = start(text, TEXT_BYTES);
  }
  if (evidence.traceback !== undefined) shorter.traceback = lastLines(evidence.traceback);
  return { ...told, message: start(message, MESSAGE_BYTES), evidence: shorter };
}

function lastLines(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let left = TRACEBACK_BYTES;
  for (const line of lines.toReversed()) {
    const part = start(line, left - 3);
    if (part === '') break;
    kept.unshift(part);
    left -= sizeOf(part) + 3;
  }
  return kept;
}

/** The longest start of a text whose JSON has at most so many bytes, without its quotes; marked where it was cut. */
function start(text: string, bytes: number): string {
  if (sizeOf(text) <= bytes) return text;
  // Each UTF-16 unit takes a byte at least and six at most.
  let [fits, tooLong] = [0, Math.min(text.length, bytes) + 1];
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2);
    if (sizeOf(`${text.slice(0, middle)}…`) <= bytes) fits = middle;
    else tooLong = middle;
  }
  return fits === 0 ? '' : `${text.slice(0, fits)}…`;
}

function sizeOf(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2;
}
