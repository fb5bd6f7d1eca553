/** A place in one creation of the progress stream; seqs of another creation mean nothing in this one. */
export interface Place {
  /** When the stream was created, ms since 1970. */
  readonly created: number;
  readonly seq: number;
}

const TOKEN = /^(\d{1,15}):(\d{1,15})$/;

/** @returns undefined when the text is no resume token */
export function parseToken(text: string): Place | undefined {
  const [, created, seq] = TOKEN.exec(text) ?? [];
  return created === undefined || seq === undefined ? undefined : { created: Number(created), seq: Number(seq) };
}

export function tokenOf({ created, seq }: Place): string {
  return `${created}:${seq}`;
}

/** What the stream still holds of one job, looked at after the messages behind the place were read. */
export interface Kept {
  readonly created: number;
  /** Of the whole stream. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** How many messages of one job the stream keeps; -1: any number. */
  readonly limit: number;
  /** Seq of the job's oldest message; undefined when there is none. */
  readonly oldest: number | undefined;
  /** How many of the job's messages lie behind the place. */
  readonly behind: number;
}

/**
 * Whether nothing that lay behind the place has been evicted, so that a viewer can go on there without a gap. Messages go
 * oldest first: by age over the whole stream, by number within a job. In doubt the answer is no.
 */
export function canContinue(place: Place, kept: Kept): boolean {
  if (place.created !== kept.created || place.seq > kept.lastSeq) return false;
  if (kept.oldest !== undefined && kept.oldest <= place.seq) return true;
  const noneTooOld = kept.firstSeq <= place.seq + 1;
  const noneTooMany = kept.limit < 0 || kept.behind < kept.limit;
  return noneTooOld && noneTooMany;
}
