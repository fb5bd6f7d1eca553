import type { KeyRing } from '@anime/api-keys';
import type { KeyList } from '@anime/contracts/http';
import { ProblemError } from '@anime/problem-details';
import { openSealed, type SubjectKeys } from '@anime/sealed-fields';
import type { KeyUse } from '../adapters/nats/key-use.js';

/** How long an answer waits for what it has just appended, which takes milliseconds. */
const REACH_MS = 2_000;

export interface KeyQueriesDeps {
  readonly ring: KeyRing;
  readonly use: Pick<KeyUse, 'lastUses'>;
  readonly subjectKeys: Pick<SubjectKeys, 'open'>;
  /** Told of a label that cannot be opened because of damage. */
  readonly onFault: (fault: ProblemError) => void;
}

/** What may be asked about API keys; answered from memory, so also while PostgreSQL is away. */
export class KeyQueries {
  readonly #deps: KeyQueriesDeps;

  constructor(deps: KeyQueriesDeps) {
    this.#deps = deps;
  }

  /** @throws ProblemError `log-unavailable` before the keys have been read */
  async list(): Promise<KeyList> {
    const { ring, use, subjectKeys, onFault } = this.#deps;
    if (!ring.caughtUp) {
      throw new ProblemError('log-unavailable', 'the API keys have not been read from the log yet', { retryAfter: 2 });
    }
    const keys = ring.all();
    const uses = await use.lastUses(keys.map(({ id }) => id));
    const listed = keys.map((key) => ({ ...key, lastUsedAt: uses?.get(key.id) ?? null }));
    return openSealed(subjectKeys, { keys: listed, lastUseKnown: uses !== undefined }, onFault);
  }

  /** Waits until this gateway acts by an event that has just been appended; not for ever, as the event is safe anyway. */
  async reached(position: number): Promise<void> {
    await this.#deps.ring.reached(position, REACH_MS);
  }
}
