import type { FollowOptions } from '../event-log.js';
import { Follower } from './follower.js';
import { SharedReader, type SharedReaderOptions } from './shared-reader.js';

/** Positions: what is read in less than half a second. So long may one who is ahead wait for one who comes from behind. */
const NEAR = 2_000;

/** All who follow the log in this process: those who may, and are near each other, read it together. */
export class LogFollowers {
  readonly #options: Pick<SharedReaderOptions, 'link' | 'source' | 'readers'>;
  readonly #readers = new Set<SharedReader>();

  constructor(options: Pick<SharedReaderOptions, 'link' | 'source' | 'readers'>) {
    this.#options = options;
  }

  /** As `EventLog.follow`. */
  follow(options: FollowOptions): Promise<void> {
    const follower = new Follower(options);
    if (options.together === true) this.#seat(follower);
    else this.#alone(follower);
    return follower.ended;
  }

  #seat(follower: Follower): void {
    if (follower.over) return;
    const near = this.#near(follower.at.position);
    if (near !== undefined) return near.add(follower);
    const reader: SharedReader = new SharedReader({
      ...this.#options,
      onLate: (late) => this.#seat(late),
      onBetween: () => {
        const other = this.#near(reader.position, reader);
        if (other !== undefined) reader.moveTo(other);
      },
    });
    this.#readers.add(reader);
    reader.add(follower);
    void reader.run().finally(() => this.#readers.delete(reader));
  }

  #alone(follower: Follower): void {
    if (follower.over) return;
    const nobodyElse = { onLate: (): void => undefined, onBetween: (): void => undefined };
    const reader = new SharedReader({ ...this.#options, ...nobodyElse });
    reader.add(follower);
    void reader.run();
  }

  #near(position: number, not?: SharedReader): SharedReader | undefined {
    for (const reader of this.#readers) {
      if (reader !== not && Math.abs(reader.position - position) <= NEAR) return reader;
    }
    return undefined;
  }
}
