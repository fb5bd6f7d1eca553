import { PROGRESS_STREAM, ProgressV1 } from '@anime/contracts';
import { messageOf } from '@anime/problem-details';
import {
  JetStreamApiError,
  jetstreamManager,
  type NextMsgRequest,
  type SeqMsgRequest,
  type StreamAPI,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { messageSubject } from './live-messages.js';
import { aborted, pause } from './pause.js';
import { ProgressMessage } from './progress-message.js';
import type { NatsSource } from './stream-log.js';
import { openStreamReader } from './stream-reader.js';

const RETRY_MS = 250;
const REQUEST_TIMEOUT_MS = 3_000;
const HISTORY_TIMEOUT_MS = 10_000;
/** nats-server's error code (server/errors.json). */
const STREAM_NOT_FOUND = 10059;

/** A place in one creation of the progress stream; seqs of another creation mean nothing in this one. */
export interface ProgressPlace {
  /** When the stream was created, ms since 1970: tells it from another one of the same name. */
  readonly created: number;
  readonly seq: number;
}

/** Who is told what comes live. */
export interface ProgressListener {
  /** In the order of the stream. */
  onMessage(message: ProgressMessage): void;
  /** Messages are missing between the last and the next one, or the stream is another one now: look at it again. */
  onDiscontinuity(): void;
}

/** A job's last message, and the end of the stream; what comes live behind that place is not in it. */
export interface LatestProgress {
  readonly place: ProgressPlace;
  readonly message: ProgressMessage | undefined;
}

/** How the stream is now. */
interface StreamBounds {
  readonly created: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** How many messages of one job the stream keeps; -1: any number. */
  readonly limit: number;
}

/** A job's messages behind a place, and what tells whether that is all of them. */
export interface ProgressHistory extends StreamBounds {
  readonly messages: readonly ProgressMessage[];
  /** Seq of the job's oldest message; undefined when there is none. Looked at, like the bounds, after the messages were read. */
  readonly oldest: number | undefined;
}

/** ANIME_PROGRESS: one consumer follows it for a whole process, and single jobs are looked up in it. */
export class ProgressFollower {
  readonly #nats: NatsSource;
  readonly #begun = Promise.withResolvers<void>();
  #watched: NatsConnection | undefined;
  #lost = new AbortController();
  #created: number | undefined;
  #lastSeen = 0;
  #state: { readonly ok: boolean; readonly reason: string | null } = { ok: false, reason: 'not connected yet' };

  constructor(nats: NatsSource) {
    this.#nats = nats;
  }

  /**
   * Resolves when live messages have begun to come, once for ever: from then on none is left out without
   * `onDiscontinuity`. So what is read after this and what comes live have no gap between them.
   */
  begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** A readiness check. */
  readonly check = (): { readonly ok: boolean; readonly reason: string | null } => this.#state;

  /** Follows the stream from its end on, over lost connections and new creations, until the signal aborts. Never throws. */
  async run(listener: ProgressListener, signal: AbortSignal): Promise<void> {
    const stopped = aborted(signal);
    while (!signal.aborted) {
      try {
        const nc = await Promise.race([this.#nats.connected(), stopped]);
        if (nc === undefined) return;
        this.#state = { ok: false, reason: await this.#session(nc, listener, stopped) };
      } catch (error) {
        this.#state = { ok: false, reason: reasonOf(error) };
      }
      await pause(RETRY_MS, signal);
    }
  }

  /** @throws when NATS does not answer, or the stream is another one than is followed: then this is soon noticed */
  async latest(jobId: string): Promise<LatestProgress> {
    const streams = await streamsOf(await this.#nats.connected());
    const { created, lastSeq } = await boundsOf(streams);
    if (created !== this.#created) throw new Error('the progress stream was created anew');
    const last = await streams.getMessage(PROGRESS_STREAM, { last_by_subj: subjectOf(jobId) });
    return {
      place: { created, seq: Math.max(lastSeq, last?.seq ?? 0) },
      message: last === null ? undefined : new ProgressMessage(last),
    };
  }

  /**
   * What the stream holds of a job behind a place, up to its end as it is now.
   * @returns undefined when the place is of another creation than the one that is followed
   * @throws when NATS does not answer
   */
  async behind(jobId: string, place: ProgressPlace): Promise<ProgressHistory | undefined> {
    if (place.created !== this.#created) return undefined;
    const nc = await this.#nats.connected();
    const messages = await this.#read(nc, subjectOf(jobId), place.seq + 1);
    // Looked at afterwards: what is still there now was there while it was read.
    const streams = await streamsOf(nc);
    // The type of `getMessage` lacks the first on a subject, which the server knows.
    const first: SeqMsgRequest & NextMsgRequest = { seq: 1, next_by_subj: subjectOf(jobId) };
    const oldest = await streams.getMessage(PROGRESS_STREAM, first);
    return { messages, oldest: oldest?.seq, ...(await boundsOf(streams)) };
  }

  /** Until the reader ends. @returns why it did */
  async #session(nc: NatsConnection, listener: ProgressListener, stopped: Promise<void>): Promise<string> {
    const lost = this.#watch(nc);
    const discontinuous = this.#take(await boundsOf(await streamsOf(nc)));
    const reader = await openStreamReader(nc, {
      stream: PROGRESS_STREAM,
      start: this.#lastSeen + 1,
      lost,
      onMessage: (source) => {
        const missing = source.seq !== this.#lastSeen + 1;
        this.#lastSeen = source.seq;
        if (missing) listener.onDiscontinuity();
        listener.onMessage(new ProgressMessage(source));
      },
    });
    this.#state = { ok: true, reason: null };
    this.#begun.resolve();
    if (discontinuous) listener.onDiscontinuity();
    const reason = await Promise.race([reader.ended, stopped]);
    reader.stop();
    return reason ?? 'stopped';
  }

  /** Finds the place to go on. @returns true when it is not the one where the last session ended */
  #take({ created, firstSeq, lastSeq }: StreamBounds): boolean {
    const before = this.#created;
    this.#created = created;
    if (before === undefined || before !== created || this.#lastSeen > lastSeq) {
      this.#lastSeen = lastSeq;
      return before !== undefined;
    }
    if (firstSeq <= this.#lastSeen + 1) return false;
    this.#lastSeen = firstSeq - 1;
    return true;
  }

  async #read(nc: NatsConnection, subject: string, start: number): Promise<ProgressMessage[]> {
    const messages: ProgressMessage[] = [];
    const complete = Promise.withResolvers<'complete'>();
    const reader = await openStreamReader(nc, {
      stream: PROGRESS_STREAM,
      start,
      subject,
      lost: this.#watch(nc),
      onMessage: (source) => {
        messages.push(new ProgressMessage(source));
        if (source.info.pending === 0) complete.resolve('complete');
      },
    });
    const timer = setTimeout(() => reader.stop(), HISTORY_TIMEOUT_MS);
    try {
      if (reader.pending === 0) return messages;
      const how = await Promise.race([complete.promise, reader.ended]);
      if (how !== 'complete') throw new Error(`reading the progress of a job: ${how}`);
      return messages;
    } finally {
      clearTimeout(timer);
      reader.stop();
    }
  }

  /** @returns a signal that aborts when this connection is lost the next time */
  #watch(nc: NatsConnection): AbortSignal {
    if (this.#watched !== nc) {
      this.#watched = nc;
      const lose = (): void => {
        this.#lost.abort();
        this.#lost = new AbortController();
      };
      void (async () => {
        for await (const event of nc.status()) if (event.type === 'disconnect') lose();
      })();
      void nc.closed().then(lose);
    }
    return this.#lost.signal;
  }
}

function subjectOf(jobId: string): string {
  return messageSubject(ProgressV1, { jobId });
}

async function streamsOf(nc: NatsConnection): Promise<StreamAPI> {
  return (await jetstreamManager(nc, { checkAPI: false, timeout: REQUEST_TIMEOUT_MS })).streams;
}

/** The answer is the stream leader's, so that what was stored before the request is in it. */
async function boundsOf(streams: StreamAPI): Promise<StreamBounds> {
  const { created, config, state } = await streams.info(PROGRESS_STREAM);
  return {
    created: Date.parse(created),
    firstSeq: state.first_seq,
    lastSeq: state.last_seq,
    limit: config.max_msgs_per_subject,
  };
}

function reasonOf(error: unknown): string {
  return error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND
    ? `the stream ${PROGRESS_STREAM} does not exist; create it: npm run anime -- provision`
    : messageOf(error);
}
