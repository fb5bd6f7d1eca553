import type { Checkpoint, FollowOptions } from '../event-log.js';
import { Follower } from './follower.js';
import { SharedReader, type SharedReaderOptions } from './shared-reader.js';

/** All who follow the log in this process. Those who may read it together while they stand at the same place. */
export class LogFollowers {
  readonly #options: Pick<SharedReaderOptions, 'link' | 'source' | 'readers'>;
  /** Those that may be joined. */
  readonly #readers = new Set<SharedReader>();

  constructor(options: Pick<SharedReaderOptions, 'link' | 'source' | 'readers'>) {
    this.#options = options;
  }

  /** As `EventLog.follow`. */
  follow(options: FollowOptions): Promise<void> {
    const follower = new Follower(options);
    if (options.together !== true) this.#open(follower);
    else {
      const reader = [...this.#readers].find((one) => one.canTake(follower.at));
      if (reader === undefined) this.#readers.add(this.#open(follower));
      else if (!follower.over) reader.add(follower);
    }
    return follower.ended;
  }

  #open(follower: Follower): SharedReader {
    const reader: SharedReader = new SharedReader(follower.at, {
      ...this.#options,
      onLate: (late) => {
        const other = this.#standingAt(late.at);
        if (other === undefined) this.#readers.add(this.#open(late));
        else other.add(late);
      },
      onBetween: () => {
        const other = this.#readers.has(reader) ? this.#standingAt(reader.at, reader) : undefined;
        if (other !== undefined) reader.moveTo(other);
      },
    });
    if (!follower.over) reader.add(follower);
    void reader.run().finally(() => this.#readers.delete(reader));
    return reader;
  }

  #standingAt(place: Checkpoint, not?: SharedReader): SharedReader | undefined {
    return [...this.#readers].find((one) => one !== not && one.standsAt(place));
  }
}
