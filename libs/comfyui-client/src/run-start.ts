/** What a server tells of a running prompt and of those that ended; times are ms of its own clock. */
export interface RunStartEvidence {
  /** When it began; null on servers that do not tell (0.33.0 tells it only of prompts that have ended). */
  readonly startTime: number | null;
  /** When it was queued. */
  readonly createTime: number | null;
  /** Its place in the server's count. */
  readonly number: number | null;
  /** When the last ones ended. */
  readonly ends: readonly number[];
}

/**
 * When a running prompt began; null when the server tells too little. Its one worker begins a prompt as soon as it is queued, or when
 * the one before it has ended.
 */
export function runStart({ startTime, createTime, number, ends }: RunStartEvidence): number | null {
  if (startTime !== null) return startTime;
  // Somebody cleared the history: what it may have waited for is forgotten.
  if (createTime === null || (ends.length === 0 && number !== 0)) return null;
  return Math.max(createTime, ...ends);
}
