import type { Preview, Progress, ViewedJob } from '@anime/contracts';

/** A progress message at its place in the stream. */
export interface PlacedProgress {
  readonly seq: number;
  readonly data: Progress;
}

/** A picture of the work in progress; it has no place in the stream. */
export interface ShownPreview {
  readonly data: Preview;
}

/** The full state at a place. */
export interface Reset {
  readonly seq: number;
  readonly job: ViewedJob | null;
  readonly progress: Progress | null;
}

/**
 * What one viewer has still to be sent, and the place up to which it was sent. Its size is bounded whatever is offered:
 * of progress the latest stands for all that wait, of the job's status, of resets and of previews only the latest matters.
 */
export interface Outbox<P extends PlacedProgress = PlacedProgress, V extends ShownPreview = ShownPreview> {
  /** Seq of the message last taken. */
  readonly sent: number;
  readonly reset: Reset | undefined;
  readonly progress: { readonly from: number; readonly latest: P } | undefined;
  readonly job: ViewedJob | undefined;
  readonly preview: V | undefined;
}

/** What is to be sent now, with its place: `prev` is the seq of the message before it. */
export type Outgoing<P extends PlacedProgress = PlacedProgress, V extends ShownPreview = ShownPreview> =
  | { readonly type: 'reset'; readonly prev: number; readonly reset: Reset }
  /** `from` is absent when the message stands for itself only. */
  | { readonly type: 'progress'; readonly prev: number; readonly from: number | undefined; readonly progress: P }
  | { readonly type: 'job'; readonly prev: number; readonly job: ViewedJob }
  | { readonly type: 'preview'; readonly prev: number; readonly preview: V };

/** An empty outbox of a viewer that has seen all up to `sent`. */
export function emptyOutbox<P extends PlacedProgress, V extends ShownPreview>(sent: number): Outbox<P, V> {
  return { sent, reset: undefined, progress: undefined, job: undefined, preview: undefined };
}

/** The full state replaces whatever waits. */
export function offerReset<P extends PlacedProgress, V extends ShownPreview>(
  outbox: Outbox<P, V>,
  reset: Reset,
): Outbox<P, V> {
  return { ...emptyOutbox<P, V>(outbox.sent), reset };
}

/** Offers must come in the order of their seq. */
export function offerProgress<P extends PlacedProgress, V extends ShownPreview>(
  outbox: Outbox<P, V>,
  latest: P,
): Outbox<P, V> {
  return { ...outbox, progress: { from: outbox.progress?.from ?? latest.seq, latest } };
}

export function offerJob<P extends PlacedProgress, V extends ShownPreview>(
  outbox: Outbox<P, V>,
  job: ViewedJob,
): Outbox<P, V> {
  return { ...outbox, job };
}

export function offerPreview<P extends PlacedProgress, V extends ShownPreview>(
  outbox: Outbox<P, V>,
  preview: V,
): Outbox<P, V> {
  return { ...outbox, preview };
}

/**
 * What waits, in the order in which it has to be sent, and the outbox without it.
 * @param idle whether all that was sent before has gone out: only then a preview goes too, as it is large and worth nothing beside
 *   the rest
 */
export function takeAll<P extends PlacedProgress, V extends ShownPreview>(
  outbox: Outbox<P, V>,
  idle = true,
): { readonly messages: readonly Outgoing<P, V>[]; readonly rest: Outbox<P, V> } {
  const messages: Outgoing<P, V>[] = [];
  let sent = outbox.sent;
  const { reset, progress, job, preview } = outbox;
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
  const rest = emptyOutbox<P, V>(sent);
  if (preview === undefined) return { messages, rest };
  if (!idle) return { messages, rest: { ...rest, preview } };
  messages.push({ type: 'preview', prev: sent, preview });
  return { messages, rest };
}
