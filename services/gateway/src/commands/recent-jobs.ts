/** A job that this gateway stored. */
export interface StoredJob {
  readonly position: number;
  /** Id of its project. */
  readonly project: string | undefined;
  /** When, in milliseconds of the clock. */
  readonly at: number;
}

/** Jobs that were stored a short while ago, by their place in the log. */
export class RecentJobs {
  /** By position. */
  readonly #jobs: StoredJob[] = [];

  add(job: StoredJob): void {
    // Acknowledgements come nearly in the order of the log.
    let at = this.#jobs.length;
    while (at > 0 && (this.#jobs[at - 1]?.position ?? 0) > job.position) at -= 1;
    this.#jobs.splice(at, 0, job);
  }

  /** How many lie behind a position. */
  behind(position: number): number {
    let [low, high] = [0, this.#jobs.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#jobs[middle]?.position ?? 0) > position) high = middle;
      else low = middle + 1;
    }
    return this.#jobs.length - low;
  }

  /** Forgets those that were stored by then. */
  forgetUntil(at: number): void {
    const kept = this.#jobs.findIndex((job) => job.at > at);
    this.#jobs.splice(0, kept < 0 ? this.#jobs.length : kept);
  }

  ofProject(project: string): readonly StoredJob[] {
    return this.#jobs.filter((job) => job.project === project);
  }
}
