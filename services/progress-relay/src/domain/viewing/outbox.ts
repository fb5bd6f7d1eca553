import type { Progress, ViewedJob } from '@anime/contracts';

/** A progress message at its place in the stream. */
export interface PlacedProgress {
  readonly seq: number;
  readonly data: Progress;
}

/** The full state at a place. */
export interface Reset {
  readonly seq: number;
  readonly job: ViewedJob | null;
  readonly progress: Progress | null;
}

/**
 * What one viewer has still to be sent, and the place up to which it was sent. Its size is bounded whatever is offered:
 * of progress the latest stands for all that wait, of the job's status and of resets only the latest matters.
 */
export interface Outbox<P extends PlacedProgress = PlacedProgress> {
  /** Seq of the message last taken. */
  readonly sent: number;
  readonly reset: Reset | undefined;
  readonly progress: { readonly from: number; readonly latest: P } | undefined;
  readonly job: ViewedJob | undefined;
}

/** What is to be sent now, with its place: `prev` is the seq of the message before it. */
export type Outgoing<P extends PlacedProgress = PlacedProgress> =
  | { readonly type: 'reset'; readonly prev: number; readonly reset: Reset }
  /** `from` is absent when the message stands for itself only. */
  | { readonly type: 'progress'; readonly prev: number; readonly from: number | undefined; readonly progress: P }
  | { readonly type: 'job'; readonly prev: number; readonly job: ViewedJob };

/** An empty outbox of a viewer that has seen all up to `sent`. */
export function emptyOutbox<P extends PlacedProgress>(sent: number): Outbox<P> {
  return { sent, reset: undefined, progress: undefined, job: undefined };
}

/** The full state replaces whatever waits. */
export function offerReset<P extends PlacedProgress>(outbox: Outbox<P>, reset: Reset): Outbox<P> {
  return { ...emptyOutbox<P>(outbox.sent), reset };
}

/** Offers must come in the order of their seq. */
export function offerProgress<P extends PlacedProgress>(outbox: Outbox<P>, latest: P): Outbox<P> {
  return { ...outbox, progress: { from: outbox.progress?.from ?? latest.seq, latest } };
}

export function offerJob<P extends PlacedProgress>(outbox: Outbox<P>, job: ViewedJob): Outbox<P> {
  return { ...outbox, job };
}

/** All that waits, in the order in which it has to be sent, and the outbox without it. */
export function takeAll<P extends PlacedProgress>(
  outbox: Outbox<P>,
): { readonly messages: readonly Outgoing<P>[]; readonly rest: Outbox<P> } {
  const messages: Outgoing<P>[] = [];
  let sent = outbox.sent;
  const { reset, progress, job } = outbox;
  if (reset !== undefined) {
    messages.push({ type: 'reset', prev: sent, reset });
    sent = reset.seq;
  }
  if (progress !== undefined) {
    const { from, latest } = progress;
    messages.push({ type: 'progress', prev: sent, from: from === latest.seq ? undefined : from, progress: latest });
    sent = latest.seq;
  }
  if (job !== undefined) messages.push({ type: 'job', prev: sent, job });
  return { messages, rest: emptyOutbox(sent) };
}
