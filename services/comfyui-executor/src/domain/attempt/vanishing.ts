/** Between two looks that find a prompt nowhere before it counts as gone (architecture §6). */
export const VANISHED_AFTER_MS = 5_000;

/** Since when (monotonic ms) every answer of the server said that it does not know the prompt; null while it does. */
export type AbsentSince = number | null;

/** What one look says of the prompt; `unknown`: nothing. */
export type Seen = 'present' | 'absent' | 'unknown';

/**
 * Takes one look in. A look that got no answer, or one that cannot be read, tells nothing about the prompt, and puts what was seen before it in
 * doubt: a server that comes back is asked twice anew.
 */
export function afterLook(since: AbsentSince, look: Seen, nowMs: number): AbsentSince {
  return look === 'absent' ? (since ?? nowMs) : null;
}

/** True when the prompt was found nowhere on two looks, far enough apart. */
export function hasVanished(since: AbsentSince, nowMs: number): boolean {
  return since !== null && nowMs - since >= VANISHED_AFTER_MS;
}

/** What else a server tells that does not have a prompt any more; null when there is nothing to go by. */
export type ServerSince = 'number-fell' | 'all-forgotten' | 'others-known' | null;

/** Where a prompt may have gone. @param wasSeen the server has shown it, waiting or running */
export function describeVanished(wasSeen: boolean, since: ServerSince): string {
  const nowhere = 'The server knows the prompt neither in its queue nor in its history';
  switch (since) {
    case 'number-fell':
      return `${nowhere}: it was restarted, as it counts its prompts anew`;
    case 'all-forgotten':
      return `${nowhere}: it was restarted, or somebody cleared its queue and history: it has forgotten all that it had shown`;
    case 'others-known':
      return wasSeen
        ? `${nowhere}, though it has shown it and still knows others: somebody deleted it`
        : `${nowhere} and has never shown it: the submission did not arrive, or somebody deleted it`;
    case null:
      return `${nowhere}: it was deleted, or the server restarted`;
  }
}
