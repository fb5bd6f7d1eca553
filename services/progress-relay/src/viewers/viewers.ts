import { setTimeout as delay } from 'node:timers/promises';
import { SPANS } from '@anime/contracts/telemetry';
import {
  newerContract,
  startSpan,
  traceContextOf,
  type EventLog,
  type LogEntry,
  type RecordedEvent,
} from '@anime/event-store';
import type { MessagingLogger } from '@anime/messaging';
import { isProblem } from '@anime/problem-details';
import type { WebSocket } from 'ws';
import type { JobPreviews } from '../adapters/nats/job-previews.js';
import type { ProgressSink, ProgressStream } from '../adapters/nats/progress-stream.js';
import { isShown, SHOWN_EVENTS, type ShownEvent } from '../domain/job-view/job-view.js';
import type { Place } from '../domain/viewing/resume.js';
import type { Limits } from './limits.js';
import { LivePreview } from './live-preview.js';
import type { LiveProgress } from './live-progress.js';
import { Room } from './room.js';
import { CLOSE, Viewer, type ViewerObserver } from './viewer.js';

const RETRY_MS = 250;
const SHOWN_TYPES: ReadonlySet<string> = new Set(SHOWN_EVENTS.map((contract) => contract.type));

/** Told what happens to viewers; a hook for metrics. */
export interface ViewersObserver extends ViewerObserver {
  opened(): void;
  /** A message of progress, or a preview, breaks its contract. */
  invalid(): void;
}

export interface ViewersOptions {
  readonly progress: Pick<ProgressStream, 'begun' | 'snapshot' | 'since'>;
  readonly previews: Pick<JobPreviews, 'open'>;
  readonly log: Pick<EventLog, 'readAggregate'>;
  /** Resolves when the events of the log have begun to come live; what is read after this has no gap to them. */
  readonly eventsBegun: () => Promise<void>;
  readonly limits: Limits;
  readonly logger: MessagingLogger;
  readonly observer: ViewersObserver;
}

/**
 * Everyone who looks at a job. A viewer is first brought up to date (from its place, or by a reset) and then joins what
 * comes live. Live messages are kept for it from the moment it arrived, so nothing falls between the two.
 */
export class Viewers implements ProgressSink {
  readonly #options: ViewersOptions;
  readonly #rooms = new Map<string, Room>();
  readonly #loading = new WeakMap<Room, Promise<void>>();
  readonly #closing = new AbortController();
  readonly #sweeping: NodeJS.Timeout;
  /** Raised at each discontinuity: what was read before it is worth nothing. */
  #generation = 0;

  constructor(options: ViewersOptions) {
    this.#options = options;
    this.#sweeping = setInterval(() => this.#sweep(), options.limits.sweepMs);
  }

  /**
   * @param from the place that the viewer wants to go on behind; undefined: a new subscription, or a token that is none
   * @param mayStay asked again and again; once it is false the viewer is closed
   */
  add(jobId: string, socket: WebSocket, from: Place | undefined, mayStay: () => boolean = () => true): void {
    const { limits, observer } = this.#options;
    const viewer = new Viewer(socket, limits, observer, mayStay);
    observer.opened();
    const room = this.#enter(jobId, viewer);
    socket.on('close', () => this.#leave(room, viewer));
    // What is wrong with a connection ends it; `close` follows.
    socket.on('error', (error) => this.#options.logger.debug({ jobId, err: error }, 'a viewer failed'));
    if (this.#closing.signal.aborted) return viewer.close(CLOSE.goingAway, 'the relay is stopping');
    void this.#bringUp(room, viewer, from);
  }

  get count(): number {
    let count = 0;
    for (const room of this.#rooms.values()) count += room.viewers.size;
    return count;
  }

  wants(jobId: string): boolean {
    return this.#rooms.has(jobId);
  }

  onProgress(jobId: string, progress: LiveProgress): void {
    this.#rooms.get(jobId)?.onProgress(progress);
  }

  onDiscontinuity(): void {
    this.#generation += 1;
    for (const room of this.#rooms.values()) {
      room.forgetRecent();
      for (const viewer of room.viewers) {
        // One that is not live yet begins again by itself.
        if (viewer.live) void this.#bringUp(room, viewer, viewer.covered);
      }
    }
  }

  /** The log is another one now: jobs are read again, and all viewers get the full state anew. */
  onAnotherLog(): void {
    for (const room of this.#rooms.values()) {
      // One that is just being read is read again by itself.
      if (room.forgetJob()) this.#loading.set(room, this.#load(room));
      for (const viewer of room.viewers) viewer.outdated = true;
    }
    this.onDiscontinuity();
  }

  onInvalid(subject: string, reason: string): void {
    this.#options.observer.invalid();
    this.#options.logger.debug({ subject, reason }, 'a message was dropped');
  }

  /** Takes the entries of the log in order. */
  onEntries(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      if (entry.status !== 'event' || !isShown(entry.event)) continue;
      const room = this.#rooms.get(entry.event.aggregateId);
      if (room !== undefined) showIn(room, entry.event);
    }
  }

  /** Closes every viewer (1001) and takes no more. They may come again elsewhere, with their tokens. */
  close(): void {
    this.#closing.abort();
    clearInterval(this.#sweeping);
    for (const room of this.#rooms.values()) {
      for (const viewer of room.viewers) viewer.close(CLOSE.goingAway, 'the relay is stopping');
    }
  }

  #enter(jobId: string, viewer: Viewer): Room {
    let room = this.#rooms.get(jobId);
    if (room === undefined) {
      room = new Room(jobId);
      this.#rooms.set(jobId, room);
      room.close = this.#openPreviews(room);
    }
    room.viewers.add(viewer);
    if (!this.#loading.has(room)) this.#loading.set(room, this.#load(room));
    return room;
  }

  #leave(room: Room, viewer: Viewer): void {
    room.viewers.delete(viewer);
    if (room.viewers.size > 0 || this.#rooms.get(room.jobId) !== room) return;
    this.#rooms.delete(room.jobId);
    room.close();
  }

  /** @returns ends it */
  #openPreviews(room: Room): () => void {
    return this.#options.previews.open(room.jobId, {
      onPreview: (preview) => room.onPreview(new LivePreview(preview)),
      onInvalid: (subject, reason) => this.onInvalid(subject, reason),
    });
  }

  /** Reads the job from the log, once for all its viewers; tries until it works or nobody is left. */
  async #load(room: Room): Promise<void> {
    await this.#options.eventsBegun();
    while (room.viewers.size > 0 && !this.#closing.signal.aborted) {
      try {
        const generation = this.#generation;
        const events = await this.#eventsOf(room.jobId);
        if (generation === this.#generation) return room.loaded(events);
      } catch (error) {
        await this.#onFailure(room, error);
      }
    }
  }

  async #eventsOf(jobId: string): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const entry of this.#options.log.readAggregate('job', jobId)) {
      if (entry.status === 'event') events.push(entry.event);
      if (entry.status === 'newer' && SHOWN_TYPES.has(entry.type)) throw newerContract('job', jobId, entry);
    }
    return events;
  }

  /** Until the viewer is live or closed. Never throws. */
  async #bringUp(room: Room, viewer: Viewer, from: Place | undefined): Promise<void> {
    viewer.live = false;
    while (!viewer.closed) {
      try {
        // Asked for first: the job that is waited for may turn out to be of another log.
        const generation = this.#generation;
        await Promise.all([this.#options.progress.begun(), this.#loading.get(room)]);
        await this.#catchUp(room, viewer, from, () => viewer.closed || generation !== this.#generation);
        if (!viewer.closed && generation === this.#generation && room.join(viewer)) return;
      } catch (error) {
        await this.#onFailure(room, error);
      }
    }
  }

  async #catchUp(room: Room, viewer: Viewer, from: Place | undefined, stale: () => boolean): Promise<void> {
    const { progress } = this.#options;
    const place = viewer.outdated ? undefined : (viewer.covered ?? from);
    const missed = place === undefined ? undefined : await progress.since(room.jobId, place);
    if (place === undefined || missed === undefined) {
      const { place: end, progress: last } = await progress.snapshot(room.jobId, (data) => room.shows(data));
      if (stale()) return;
      // The job may have gone on while the stream was read.
      const shown = last !== null && room.shows(last) ? last : null;
      return viewer.reset(end.created, { seq: end.seq, job: room.shown, progress: shown });
    }
    if (stale()) return;
    if (viewer.covered === undefined) viewer.resume(place);
    for (const message of missed) {
      room.bring(viewer, message);
      await viewer.drained();
      if (stale()) return;
    }
  }

  async #onFailure(room: Room, error: unknown): Promise<void> {
    const { logger } = this.#options;
    if (isProblem(error) && !error.retryable) {
      logger.error({ jobId: room.jobId, err: error }, 'a job cannot be shown');
      for (const viewer of room.viewers) viewer.close(CLOSE.internalError, error.code);
      return;
    }
    logger.debug({ jobId: room.jobId, err: error }, 'a job cannot be read just now');
    await delay(RETRY_MS, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }

  #sweep(): void {
    const now = performance.now();
    for (const room of this.#rooms.values()) {
      for (const viewer of room.viewers) viewer.sweep(now, room.jobHasEnded);
    }
  }
}

/** Shows an event to a job's viewers inside a span that goes on from the event. */
function showIn(room: Room, event: ShownEvent): void {
  const span = startSpan(SPANS.show, {
    name: { event: event.type },
    parent: traceContextOf(event),
    attributes: {
      'messaging.message.id': event.id,
      'anime.aggregate.id': event.aggregateId,
      'anime.viewers': room.viewers.size,
    },
  });
  room.onEvent(event);
  span.end();
}
