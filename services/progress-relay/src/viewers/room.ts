import type { Progress, ViewedJob } from '@anime/contracts';
import type { RecordedEvent } from '@anime/event-store';
import {
  evolveView,
  hasEnded,
  isShown,
  NO_VIEW,
  showsProgress,
  type JobView,
  type ShownEvent,
} from '../domain/job-view/job-view.js';
import type { LivePreview } from './live-preview.js';
import type { LiveProgress } from './live-progress.js';
import type { Viewer } from './viewer.js';

/** So many live messages are kept to bring a new viewer from what it read to what comes live. */
const RECENT = 256;

/** All viewers of one job, and what is known of it while there are any. */
export class Room {
  readonly viewers = new Set<Viewer>();
  readonly jobId: string;
  /** To be called when the last viewer has left. */
  close: () => void = () => undefined;
  #recent: LiveProgress[] = [];
  #droppedUpTo = 0;
  #view: JobView | undefined;
  #early: ShownEvent[] = [];

  constructor(jobId: string) {
    this.jobId = jobId;
  }

  /** The job's status; null when the log does not know it. */
  get shown(): ViewedJob | null {
    return this.#view?.shown ?? null;
  }

  get jobHasEnded(): boolean {
    return this.#view !== undefined && hasEnded(this.#view);
  }

  /** Whether viewers are shown this, as the job is now. */
  shows({ attempt }: Progress): boolean {
    return showsProgress(this.#view ?? NO_VIEW, attempt);
  }

  /** Brings a viewer the next message, or past it. */
  bring(viewer: Viewer, progress: LiveProgress): void {
    if (this.shows(progress.data)) viewer.progress(progress);
    else viewer.passOver(progress);
  }

  onProgress(progress: LiveProgress): void {
    this.#recent.push(progress);
    if (this.#recent.length > 2 * RECENT) {
      const dropped = this.#recent.splice(0, RECENT);
      this.#droppedUpTo = dropped.at(-1)?.seq ?? this.#droppedUpTo;
    }
    for (const viewer of this.viewers) if (viewer.live) this.bring(viewer, progress);
  }

  /** A picture that came live. It has no place in the stream: a viewer that is being brought up misses it. */
  onPreview(preview: LivePreview): void {
    if (this.jobHasEnded || !showsProgress(this.#view ?? NO_VIEW, preview.data.attempt)) return;
    for (const viewer of this.viewers) if (viewer.live) viewer.preview(preview);
  }

  /** An event that came live; it counts once the job has been read. */
  onEvent(event: ShownEvent): void {
    if (this.#view === undefined) this.#early.push(event);
    else this.#fold(event);
  }

  /** Takes what the log held of the job; live events that came while it was read are then applied. */
  loaded(events: readonly RecordedEvent[]): void {
    this.#view = events.filter(isShown).reduce(evolveView, NO_VIEW);
    for (const event of this.#early.splice(0)) this.#fold(event);
  }

  /**
   * The log is another one now: what is known of the job is not so any more.
   * @returns false when the job had not been read yet
   */
  forgetJob(): boolean {
    const wasLoaded = this.#view !== undefined;
    this.#view = undefined;
    this.#early = [];
    return wasLoaded;
  }

  /** What came live is of another stream now, or has a gap. */
  forgetRecent(): void {
    this.#recent = [];
    this.#droppedUpTo = 0;
  }

  /**
   * Lets a viewer that has been brought up to some place have everything that comes from now on.
   * @returns false when live messages behind its place are no longer here: it has to read on
   */
  join(viewer: Viewer): boolean {
    if (viewer.covered === undefined || viewer.covered.seq < this.#droppedUpTo) return false;
    for (const progress of this.#recent) this.bring(viewer, progress);
    const { shown } = this;
    if (shown !== null) viewer.job(shown);
    viewer.live = true;
    return true;
  }

  #fold(event: ShownEvent): void {
    const before = this.shown;
    this.#view = evolveView(this.#view ?? NO_VIEW, event);
    const { shown } = this;
    if (shown === null || shown === before) return;
    for (const viewer of this.viewers) if (viewer.live) viewer.job(shown);
  }
}
