import type { ViewedJob, ViewerMessage } from '@anime/contracts';
import type { WebSocket } from 'ws';
import {
  emptyOutbox,
  offerJob,
  offerPreview,
  offerProgress,
  offerReset,
  takeAll,
  type Outbox,
  type Outgoing,
  type Reset,
} from '../domain/viewing/outbox.js';
import { tokenOf, type Place } from '../domain/viewing/resume.js';
import type { Limits } from './limits.js';
import type { LivePreview } from './live-preview.js';
import type { LiveProgress } from './live-progress.js';

/** Close codes of RFC 6455 and of the IANA registry. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  policyViolation: 1008,
  internalError: 1011,
  tryAgainLater: 1013,
} as const;

/** Told what is done to one viewer; a hook for metrics. */
export interface ViewerObserver {
  sent(message: Outgoing<LiveProgress, LivePreview>): void;
  /** The relay, not the viewer, ends the connection. */
  dismissed(code: number): void;
}

/** One connection that looks at one job. Whatever is offered, its memory is bounded: unsent bytes by `highWater`, the rest by the outbox. */
export class Viewer {
  /** Gets messages as they come; false while it is still being brought up to them. */
  live = false;
  /** What it was told does not hold any more: it can go on nowhere, and needs a reset. */
  outdated = false;
  readonly #socket: WebSocket;
  readonly #limits: Limits;
  readonly #observer: ViewerObserver;
  readonly #mayStay: () => boolean;
  #covered: Place | undefined;
  #job: ViewedJob | null = null;
  #outbox: Outbox<LiveProgress, LivePreview> = emptyOutbox(0);
  /** Messages given to the socket and not yet to the system. */
  #unwritten = 0;
  #lastWritten: number;
  #lastSent: number;
  #lastPing: number;
  #awaitsPong = false;
  #drained: (() => void) | undefined;

  /** @param mayStay whether it may still look */
  constructor(socket: WebSocket, limits: Limits, observer: ViewerObserver, mayStay: () => boolean) {
    this.#socket = socket;
    this.#mayStay = mayStay;
    this.#limits = limits;
    this.#observer = observer;
    this.#lastWritten = this.#lastSent = this.#lastPing = performance.now();
    socket.on('pong', () => (this.#awaitsPong = false));
    socket.on('close', () => this.#drained?.());
  }

  get closed(): boolean {
    return this.#socket.readyState !== this.#socket.OPEN;
  }

  /** The place up to which everything was sent, waits to be sent or is not shown; undefined before anything was offered. */
  get covered(): Place | undefined {
    return this.#covered;
  }

  /** Goes on behind a place that the viewer named. */
  resume(place: Place): void {
    this.#covered = place;
    this.#outbox = emptyOutbox(place.seq);
  }

  reset(created: number, reset: Reset): void {
    this.outdated = false;
    this.#covered = { created, seq: reset.seq };
    this.#job = reset.job;
    this.#outbox = offerReset(this.#outbox, reset);
    this.#flush();
  }

  /** What lies before the place that is covered already is dropped. */
  progress(progress: LiveProgress): void {
    if (!this.#cover(progress.seq)) return;
    this.#outbox = offerProgress(this.#outbox, progress);
    this.#flush();
  }

  /** Goes on behind a message that is not shown. */
  passOver({ seq }: LiveProgress): void {
    this.#cover(seq);
  }

  job(job: ViewedJob): void {
    if (job === this.#job) return;
    this.#job = job;
    this.#outbox = offerJob(this.#outbox, job);
    this.#flush();
  }

  /** Sent when nothing else is on its way to the viewer; of those that come meanwhile the newest stays. */
  preview(preview: LivePreview): void {
    this.#outbox = offerPreview(this.#outbox, preview);
    this.#flush();
  }

  /** Resolves when the viewer can take more, or is closed. For one waiter at a time. */
  drained(): Promise<void> {
    if (this.closed || !this.#slow) return Promise.resolve();
    return new Promise((resolve) => (this.#drained = resolve));
  }

  /** To be called every now and then: pings, and closes what is dead, stuck, idle or not allowed any more. */
  sweep(now: number, jobHasEnded: boolean): void {
    const { stallMs, pingMs, idleMs } = this.#limits;
    if (this.closed) return;
    if (!this.#mayStay()) return this.close(CLOSE.policyViolation, 'the API key does not hold any more');
    if (this.#unwritten > 0) {
      // Its pong may be stuck behind what it does not read, so only this rule holds.
      if (now - this.#lastWritten > stallMs) this.close(CLOSE.tryAgainLater, 'too slow');
      return;
    }
    if (jobHasEnded && now - this.#lastSent > idleMs) return this.close(CLOSE.normal, 'the job has ended');
    if (now - this.#lastPing <= pingMs) return;
    if (this.#awaitsPong) return this.#socket.terminate();
    this.#awaitsPong = true;
    this.#lastPing = now;
    this.#socket.ping();
  }

  close(code: number, reason: string): void {
    if (this.closed) return;
    this.#observer.dismissed(code);
    this.#socket.close(code, reason);
    setTimeout(() => this.#socket.terminate(), this.#limits.closeGraceMs).unref();
  }

  /** @returns false when that place is covered already */
  #cover(seq: number): boolean {
    if (this.#covered === undefined || seq <= this.#covered.seq) return false;
    this.#covered = { created: this.#covered.created, seq };
    return true;
  }

  get #slow(): boolean {
    return this.#socket.bufferedAmount > this.#limits.highWater;
  }

  #flush(): void {
    if (this.closed || this.#slow) return;
    const { messages, rest } = takeAll(this.#outbox, this.#unwritten === 0);
    this.#outbox = rest;
    for (const message of messages) {
      const now = performance.now();
      if (this.#unwritten === 0) this.#lastWritten = now;
      this.#unwritten += 1;
      this.#lastSent = now;
      this.#socket.send(this.#encode(message), { binary: false }, this.#onWritten);
      this.#observer.sent(message);
    }
  }

  readonly #onWritten = (): void => {
    this.#unwritten -= 1;
    this.#lastWritten = performance.now();
    if (this.#slow) return;
    this.#flush();
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  };

  #encode(message: Outgoing<LiveProgress, LivePreview>): Buffer {
    const created = this.#covered?.created ?? 0;
    const { prev } = message;
    if (message.type === 'preview') return message.preview.encode(created, prev);
    if (message.type === 'progress') return message.progress.encode(created, prev, message.from);
    const seq = message.type === 'reset' ? message.reset.seq : prev;
    const place = { seq, prev, token: tokenOf({ created, seq }) };
    const sent: ViewerMessage =
      message.type === 'reset'
        ? { type: 'reset', ...place, data: { job: message.reset.job, progress: message.reset.progress } }
        : { type: 'job', ...place, data: message.job };
    return Buffer.from(JSON.stringify(sent));
  }
}
