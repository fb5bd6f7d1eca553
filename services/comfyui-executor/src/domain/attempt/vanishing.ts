/** Between two looks that find a prompt nowhere before it counts as gone (architecture §6). */
export const VANISHED_AFTER_MS = 5_000;

/** Since when (monotonic ms) every answer of the server said that it does not know the prompt; null while it does. */
export type AbsentSince = number | null;

/**
 * Takes one look in. A look that got no answer tells nothing about the prompt, and puts what was seen before it in
 * doubt: a server that comes back is asked twice anew.
 */
export function afterLook(since: AbsentSince, look: 'present' | 'absent' | 'unanswered', nowMs: number): AbsentSince {
  return look === 'absent' ? (since ?? nowMs) : null;
}

/** True when the prompt was found nowhere on two looks, far enough apart. */
export function hasVanished(since: AbsentSince, nowMs: number): boolean {
  return since !== null && nowMs - since >= VANISHED_AFTER_MS;
}
