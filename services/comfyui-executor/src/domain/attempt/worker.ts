/** What one look at a server's queue shows. */
export interface QueueLook {
  readonly running: readonly string[];
  /** In the order in which they will run. */
  readonly pending: readonly string[];
}

/** How long is too long, in ms. */
export interface WorkerLimits {
  /** A prompt of ours runs and nothing is heard of it, though it could be. */
  readonly silenceMs: number;
  /** A prompt of ours runs that cannot be heard, as it was sent on a connection that is no more. */
  readonly unheardMs: number;
  /** After that it was cancelled, and still runs. */
  readonly cancelMs: number;
  /** Prompts wait though none runs: a worker takes the next within milliseconds. */
  readonly idleMs: number;
  /** The server says nothing of a prompt that can be read. */
  readonly unreadableMs: number;
}

/**
 * How much doubt there is that a prompt which runs in silence hangs. `none`: it was told to stop and did not. `some`: others were heard
 * where it could have been. `much`: nobody was, as behind a reader that stalls; or it is another client's.
 */
export type Doubt = 'none' | 'some' | 'much';

const PATIENCE: Readonly<Record<Doubt, number>> = { none: 1, some: 2, much: 3 };

/** How long a prompt may run in silence. */
export function silenceLimit({ silenceMs }: Pick<WorkerLimits, 'silenceMs'>, doubt: Doubt): number {
  return silenceMs * PATIENCE[doubt];
}

/** What is known of a prompt of ours that runs; times are monotonic ms. */
export interface Hearing {
  /** Whether the connection on which it was sent is still open: on no other one it can be heard. */
  readonly isHearable: boolean;
  /** When it was last heard, or first seen to run. */
  readonly heardMs: number;
  /** When anything of anybody's was last heard on that connection. */
  readonly othersHeardMs: number;
}

/**
 * Whether a prompt has run in silence for too long. What cannot be heard is not judged by its silence: it has a limit far beyond
 * what runs take, so that a server that hangs in it is found all the same.
 */
export function isTooSilent(limits: WorkerLimits, hearing: Hearing, nowMs: number): boolean {
  const { isHearable, heardMs, othersHeardMs } = hearing;
  if (!isHearable) return nowMs - heardMs > limits.unheardMs;
  // Others were heard when it had been silent for long: the server spoke then, only not of it.
  const doubt = othersHeardMs - heardMs >= limits.silenceMs ? 'some' : 'much';
  return nowMs - heardMs > silenceLimit(limits, doubt);
}

/** Looks at which a server was seen to do nothing, all alike; null when the last one was not so. */
export type IdleSince = {
  readonly head: string;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly looks: number;
} | null;

/** Of the looks that count, each is so far from the one before, as a share of `idleMs`. */
const LOOKS = 3;

/** Takes a look in: prompts wait, none runs, and the next in line is still the same. */
export function afterQueueLook(
  since: IdleSince,
  { running, pending }: QueueLook,
  nowMs: number,
  idleMs: number,
): IdleSince {
  const [head] = pending;
  if (running.length > 0 || head === undefined) return null;
  if (since?.head !== head) return { head, firstMs: nowMs, lastMs: nowMs, looks: 1 };
  return nowMs - since.lastMs < idleMs / (LOOKS - 1) ? since : { ...since, lastMs: nowMs, looks: since.looks + 1 };
}

/** True when a worker that lives would long have taken the prompt. */
export function isIdle(since: IdleSince, idleMs: number): boolean {
  return since !== null && since.looks >= LOOKS && since.lastMs - since.firstMs >= idleMs;
}

/**
 * Whether a worker that had stopped works again, by the queue: it has left the prompt that it hung in; or it runs one, where it had
 * run none.
 * @param hungIn null when it ran none though prompts waited
 * @param mayBeAnother the server may have been started anew since: then an empty queue tells nothing against it
 */
export function runsAgain({ running, pending }: QueueLook, hungIn: string | null, mayBeAnother: boolean): boolean {
  if (hungIn !== null) return !running.includes(hungIn);
  return running.length > 0 || (mayBeAnother && pending.length === 0);
}

const CURE = 'Restart ComfyUI: its only worker has ended or hangs, and nothing else cures that (its log says why)';

/** What people are told, with what to do. */
export function silentWorker(promptId: string, silentMs: number): string {
  return `ComfyUI runs prompt ${promptId}, told nothing of it for ${seconds(silentMs)} and does not stop it. ${CURE}`;
}

/** As above, of a prompt of another client, which is not ours to stop. */
export function foreignWorker(promptId: string, ms: number): string {
  return `ComfyUI has been running prompt ${promptId} of another client for ${seconds(ms)} while ours wait. Stop that prompt, or restart ComfyUI if it does not stop`;
}

/** As above, of a server that answers and runs nothing. */
export function idleWorker(waiting: number, ms: number): string {
  return `ComfyUI has run nothing for ${seconds(ms)} though ${waiting === 1 ? 'a prompt waits' : `${waiting} prompts wait`}. ${CURE}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
