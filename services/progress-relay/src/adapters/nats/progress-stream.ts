import { PROGRESS_ROOT, PROGRESS_STREAM, type Progress } from '@anime/contracts';
import type { NatsSource } from '@anime/messaging';
import { canContinue, type Place } from '../../domain/viewing/resume.js';
import { readProgress, type LiveProgress } from '../../viewers/live-progress.js';
import { openPushConsumer, type DeliveredMessage } from './push-consumer.js';
import { pause } from '../pause.js';
import { getMessage, JetStreamRefusal, streamBounds, type Connection, type StreamBounds } from './stream-api.js';

const RETRY_MS = 250;
const HISTORY_TIMEOUT_MS = 10_000;

/** Who is told what comes live. */
export interface ProgressSink {
  /** False: nobody looks at this job, so the message need not be read. */
  wants(jobId: string): boolean;
  onProgress(jobId: string, progress: LiveProgress): void;
  /** Messages are missing between the last and the next one, or the stream is another one now: look at it again. */
  onDiscontinuity(): void;
  onInvalid(subject: string, reason: string): void;
}

/** The state of a job's progress at a place; what comes live behind it is not in it. */
export interface ProgressSnapshot {
  readonly place: Place;
  readonly progress: Progress | null;
}

/** ANIME_PROGRESS: one consumer follows it for all viewers, and single jobs are looked up in it. */
export class ProgressStream {
  readonly #nats: NatsSource;
  readonly #begun = Promise.withResolvers<void>();
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

  /** Follows the stream over lost connections and new creations, until the signal aborts. Never throws. */
  async run(sink: ProgressSink, signal: AbortSignal): Promise<void> {
    const aborted = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    while (!signal.aborted) {
      try {
        const nc = await Promise.race([this.#nats.connected(), aborted]);
        if (nc === undefined) return;
        this.#state = { ok: false, reason: await this.#session(nc, sink, aborted) };
      } catch (error) {
        this.#state = { ok: false, reason: reasonOf(error) };
      }
      await pause(RETRY_MS, signal);
    }
  }

  /**
   * The last message of a job, and the end of the stream.
   * @throws when NATS does not answer, or the stream is another one than is followed: then this is soon noticed
   */
  async snapshot(jobId: string): Promise<ProgressSnapshot> {
    const nc = await this.#nats.connected();
    const { created, lastSeq } = await streamBounds(nc, PROGRESS_STREAM);
    if (created !== this.#created) throw new Error('the progress stream was created anew');
    const last = await getMessage(nc, PROGRESS_STREAM, subjectOf(jobId), 'last');
    const progress = last === undefined ? 'none' : readProgress(jobId, last);
    return {
      place: { created, seq: Math.max(lastSeq, last?.seq ?? 0) },
      progress: typeof progress === 'string' ? null : progress.data,
    };
  }

  /**
   * Exactly the messages of a job behind a place.
   * @returns undefined when the place is of another creation of the stream, beyond its end, or too long ago
   * @throws when NATS does not answer
   */
  async since(jobId: string, place: Place): Promise<readonly LiveProgress[] | undefined> {
    if (place.created !== this.#created) return undefined;
    const nc = await this.#nats.connected();
    const messages = await history(nc, subjectOf(jobId), place.seq);
    // Looked at afterwards: what is still there now was there while it was read.
    const oldest = await getMessage(nc, PROGRESS_STREAM, subjectOf(jobId), 'first');
    const { created, firstSeq, lastSeq, maxPerSubject: limit } = await streamBounds(nc, PROGRESS_STREAM);
    const kept = { created, firstSeq, lastSeq, limit, oldest: oldest?.seq, behind: messages.length };
    if (!canContinue(place, kept)) return undefined;
    return messages.map((message) => readProgress(jobId, message)).filter((progress) => typeof progress !== 'string');
  }

  /** Until the consumer ends. @returns why it did */
  async #session(nc: Connection, sink: ProgressSink, aborted: Promise<undefined>): Promise<string> {
    const bounds = await streamBounds(nc, PROGRESS_STREAM);
    const discontinuous = this.#take(bounds);
    const onMessage = (message: DeliveredMessage): void => this.#onMessage(message, sink);
    const consumer = await openPushConsumer(nc, { stream: PROGRESS_STREAM, start: this.#lastSeen + 1, onMessage });
    this.#state = { ok: true, reason: null };
    this.#begun.resolve();
    if (discontinuous) sink.onDiscontinuity();
    const reason = await Promise.race([consumer.ended, disconnected(nc), aborted]);
    consumer.stop();
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

  #onMessage(message: DeliveredMessage, sink: ProgressSink): void {
    const missing = message.seq !== this.#lastSeen + 1;
    this.#lastSeen = message.seq;
    if (missing) sink.onDiscontinuity();
    const jobId = message.subject.slice(PROGRESS_ROOT.length + 1);
    if (!sink.wants(jobId)) return;
    const progress = readProgress(jobId, message);
    if (typeof progress === 'string') sink.onInvalid(message.subject, progress);
    else sink.onProgress(jobId, progress);
  }
}

function subjectOf(jobId: string): string {
  return `${PROGRESS_ROOT}.${jobId}`;
}

/** Every message on the subject behind a place, up to the end of the stream as it is now. */
async function history(nc: Connection, subject: string, after: number): Promise<DeliveredMessage[]> {
  const messages: DeliveredMessage[] = [];
  const complete = Promise.withResolvers<'complete'>();
  const onMessage = (message: DeliveredMessage): void => {
    messages.push(message);
    if (message.pending === 0) complete.resolve('complete');
  };
  const consumer = await openPushConsumer(nc, { stream: PROGRESS_STREAM, start: after + 1, subject, onMessage });
  const timer = setTimeout(() => consumer.stop(), HISTORY_TIMEOUT_MS);
  try {
    if (consumer.pending === 0) return messages;
    const how = await Promise.race([complete.promise, consumer.ended]);
    if (how !== 'complete') throw new Error(`reading the progress of a job: ${how}`);
    return messages;
  } finally {
    clearTimeout(timer);
    consumer.stop();
  }
}

/** Resolves when the connection is lost: the consumer's messages of the time in between are then lost too. */
async function disconnected(nc: Connection): Promise<string> {
  for await (const status of nc.status()) if (status.type === 'disconnect') break;
  return 'NATS is not connected';
}

function reasonOf(error: unknown): string {
  if (error instanceof JetStreamRefusal && error.streamMissing) {
    return `the stream ${PROGRESS_STREAM} does not exist; create it: npm run anime -- provision`;
  }
  return error instanceof Error ? error.message : String(error);
}
