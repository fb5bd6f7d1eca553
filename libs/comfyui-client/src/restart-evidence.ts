/** What a server had told, and what it tells now. */
export interface ServerMemory {
  /** Highest `number` of a prompt of ours that it has taken; null before the first. */
  readonly highestNumber: number | null;
  /** Prompts that it has shown, waiting, running or ended, and that nobody has deleted since. */
  readonly known: readonly string[];
}

export type RestartEvidence =
  /** The count began anew: it advances with each prompt, also with refused ones, and never falls (contract §1.4, 21). */
  | { readonly kind: 'number-fell'; readonly from: number; readonly to: number }
  /**
   * Everything that it had shown is gone: queue and history live in its memory only (contract §6). Where only some are gone,
   * somebody deleted them, or its history of 10 000 is full.
   */
  | { readonly kind: 'all-forgotten'; readonly promptIds: readonly string[] };

/**
 * Whether the server looks restarted. Evidence, no proof: a prompt that somebody put in front has a negative number, so compare
 * only those of our own, which carry none.
 * @param now the number that it gave to our newest prompt, if any, and those of `known` that it no longer has
 */
export function restartEvidence(
  before: ServerMemory,
  now: { readonly number?: number | null; readonly absent?: readonly string[] },
): RestartEvidence | undefined {
  const { number = null, absent = [] } = now;
  if (number !== null && before.highestNumber !== null && number <= before.highestNumber)
    return { kind: 'number-fell', from: before.highestNumber, to: number };
  const gone = new Set(absent);
  if (before.known.length > 0 && before.known.every((promptId) => gone.has(promptId)))
    return { kind: 'all-forgotten', promptIds: before.known };
  return undefined;
}
