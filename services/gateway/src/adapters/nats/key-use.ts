import { Instant } from '@anime/contracts';
import type { KvEntries } from '@anime/messaging';
import { messageOf } from '@anime/problem-details';

/** A use is written down when the last one that was is older than this. */
const WRITE_EVERY_MS = 60_000;

export interface KeyUseOptions {
  readonly entries: Pick<KvEntries, 'put' | 'get'>;
  readonly now: () => string;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** Told why a use was not written down or could not be read. */
  readonly onError: (reason: string) => void;
}

/**
 * When keys were last used. Not in the log, which would grow with every minute, and in no read-model, which could not be
 * built anew: it is lost with its bucket, and nothing depends on it.
 */
export class KeyUse {
  readonly #options: KeyUseOptions;
  readonly #writtenAt = new Map<string, number>();

  constructor(options: KeyUseOptions) {
    this.#options = options;
  }

  /** Notes that a key is used now, later and at most once a minute. Nobody waits for it; it never throws. */
  used(keyId: string): void {
    const { entries, now, clock, onError } = this.#options;
    const at = clock();
    if (at - (this.#writtenAt.get(keyId) ?? Number.NEGATIVE_INFINITY) < WRITE_EVERY_MS) return;
    this.#writtenAt.set(keyId, at);
    entries.put(keyId, now()).catch((error: unknown) => onError(messageOf(error)));
  }

  /** When each of these keys was last used, as far as it was; undefined when that cannot be read just now. */
  async lastUses(keyIds: readonly string[]): Promise<ReadonlyMap<string, string> | undefined> {
    const { entries, onError } = this.#options;
    try {
      const found = await Promise.all(keyIds.map(async (id) => [id, await entries.get(id)] as const));
      return new Map(
        found.flatMap(([id, at]) => (Instant.safeParse(at).success && at !== undefined ? [[id, at]] : [])),
      );
    } catch (error) {
      onError(messageOf(error));
      return undefined;
    }
  }
}
