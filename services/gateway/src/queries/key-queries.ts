import type { KeyRing, KnownKey } from '@anime/api-keys';
import { ProblemError } from '@anime/problem-details';
import type { KeyUse } from '../adapters/nats/key-use.js';

/** How long an answer waits for what it has just appended, which takes milliseconds. */
const REACH_MS = 2_000;

/** The keys as they are listed, their labels still sealed. */
export interface SealedKeyList {
  readonly keys: (KnownKey & { readonly lastUsedAt: string | null })[];
  readonly lastUseKnown: boolean;
}

/** What may be asked about API keys; answered from memory, so also while PostgreSQL is away. */
export class KeyQueries {
  readonly #ring: KeyRing;
  readonly #use: Pick<KeyUse, 'lastUses'>;

  constructor(ring: KeyRing, use: Pick<KeyUse, 'lastUses'>) {
    this.#ring = ring;
    this.#use = use;
  }

  /** @throws ProblemError `log-unavailable` before the keys have been read */
  async list(): Promise<SealedKeyList> {
    if (!this.#ring.caughtUp) {
      throw new ProblemError('log-unavailable', 'the API keys have not been read from the log yet', { retryAfter: 2 });
    }
    const keys = this.#ring.all();
    const uses = await this.#use.lastUses(keys.map(({ id }) => id));
    return {
      keys: keys.map((key) => ({ ...key, lastUsedAt: uses?.get(key.id) ?? null })),
      lastUseKnown: uses !== undefined,
    };
  }

  /** Waits until this gateway acts by an event that has just been appended; not for ever, as the event is safe anyway. */
  async reached(position: number): Promise<void> {
    await this.#ring.reached(position, REACH_MS);
  }
}
