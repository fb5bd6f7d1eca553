import type { Progress } from '@anime/contracts';
import { ProgressFollower, type NatsSource, type ProgressMessage } from '@anime/messaging';
import { canContinue, type Place } from '../../domain/viewing/resume.js';
import { readProgress, type LiveProgress } from '../../viewers/live-progress.js';

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

/** Progress as the viewers take it: one follower for all of them, its messages read as their contract says. */
export class ProgressStream {
  readonly #follower: ProgressFollower;

  constructor(nats: NatsSource) {
    this.#follower = new ProgressFollower(nats);
  }

  /** Resolves when live messages have begun to come: what is read after this has no gap to them. */
  begun(): Promise<void> {
    return this.#follower.begun();
  }

  /** A readiness check. */
  readonly check: ProgressFollower['check'] = () => this.#follower.check();

  /** Until the signal aborts. Never throws. */
  run(sink: ProgressSink, signal: AbortSignal): Promise<void> {
    const onMessage = (message: ProgressMessage): void => {
      const { jobId } = message;
      if (!sink.wants(jobId)) return;
      const progress = readProgress(jobId, message);
      if (typeof progress === 'string') sink.onInvalid(message.subject, progress);
      else sink.onProgress(jobId, progress);
    };
    return this.#follower.run({ onMessage, onDiscontinuity: () => sink.onDiscontinuity() }, signal);
  }

  /**
   * The last message of a job that is shown, and the end of the stream.
   * @throws when NATS does not answer, or the stream is another one than is followed: then this is soon noticed
   */
  async snapshot(jobId: string, isShown: (progress: Progress) => boolean): Promise<ProgressSnapshot> {
    const shown = (message: ProgressMessage): Progress | undefined => {
      const progress = readProgress(jobId, message);
      return typeof progress !== 'string' && isShown(progress.data) ? progress.data : undefined;
    };
    const { place, message: last } = await this.#follower.latest(jobId);
    if (last === undefined) return { place, progress: null };
    const progress = shown(last);
    if (progress !== undefined) return { place, progress };
    // What came last is of an attempt that the job is past: what is shown lies before it.
    const history = await this.#follower.behind(jobId, { ...place, seq: 0 });
    for (const message of history?.messages.toReversed() ?? []) {
      const before = message.seq < last.seq ? shown(message) : undefined;
      if (before !== undefined) return { place, progress: before };
    }
    return { place, progress: null };
  }

  /**
   * Exactly the messages of a job behind a place.
   * @returns undefined when the place is of another creation of the stream, beyond its end, or too long ago
   * @throws when NATS does not answer
   */
  async since(jobId: string, place: Place): Promise<readonly LiveProgress[] | undefined> {
    const history = await this.#follower.behind(jobId, place);
    if (history === undefined || !canContinue(place, { ...history, behind: history.messages.length })) return undefined;
    return history.messages
      .map((message) => readProgress(jobId, message))
      .filter((progress) => typeof progress !== 'string');
  }
}
