import type { Scope } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import type { Caller } from './caller.js';
import { allows, type KeyRing } from './key-ring.js';
import { isKeyText } from './key-text.js';
import { notLocal, type DistinctHeaders } from './local-user.js';

/**
 * How long keys are taken while it cannot be known whether they were revoked, because the log is away. Long enough for a
 * restart of nats-server, short enough for a key that leaked.
 */
export const TRUST_MS = 30_000;
const RETRY_AFTER = 2;

/** A key, and nothing else: what is after the word is not looked at further unless it has the form of a key. */
const BEARER = /^Bearer +([^ ]+)$/i;
const HOW = 'send it as Authorization: Bearer anime_…';

export interface DoorkeeperOptions {
  readonly ring: KeyRing;
  /** Who requests without a key come from; undefined: nobody may do anything without one. */
  readonly local: Caller | undefined;
  /** The time, as an instant. */
  readonly now: () => string;
}

/** Knows who sends a request, and what each may do. */
export class Doorkeeper {
  readonly #options: DoorkeeperOptions;

  constructor(options: DoorkeeperOptions) {
    this.#options = options;
  }

  /**
   * Who sends a request.
   * @param offered a key that came by another way than the header `Authorization`
   * @throws ProblemError `unauthenticated`, `key-invalid`, `log-unavailable` while the keys are not known,
   *   `validation-failed` when more than one key is shown
   */
  caller(headers: DistinctHeaders, offered: readonly string[] = []): Caller {
    const given = headers['authorization'] ?? [];
    if (given.length + offered.length > 1) {
      throw new ProblemError('validation-failed', 'one field is wrong: header/authorization', {
        errors: [{ path: 'header/authorization', message: 'a request carries one key, once' }],
      });
    }
    if (given.length + offered.length === 0) return this.#withoutKey(headers);
    const key = offered[0] ?? BEARER.exec(given[0] ?? '')?.[1] ?? '';
    // No word of what was sent: it may be most of a key.
    if (!isKeyText(key)) throw new ProblemError('key-invalid', `this is not an API key: ${HOW}`);
    return this.#withKey(key);
  }

  /** Whether who was let in once may stay: its key is neither revoked nor expired, as far as is known. */
  mayStay({ keyId }: Caller): boolean {
    const { ring, now } = this.#options;
    return keyId === null || !ring.caughtUp || ring.valid(keyId, now()) !== undefined;
  }

  #withoutKey(headers: DistinctHeaders): Caller {
    const { local } = this.#options;
    if (local === undefined) throw new ProblemError('unauthenticated', `this needs an API key: ${HOW}`);
    const reason = notLocal(headers);
    if (reason === undefined) return local;
    throw new ProblemError(
      'unauthenticated',
      `without an API key only the user of this machine is served, and ${reason}`,
    );
  }

  #withKey(text: string): Caller {
    const { ring, now } = this.#options;
    if (!ring.caughtUp) throw notKnown('the API keys have not been read from the log yet');
    if (ring.ageMs > TRUST_MS) {
      throw notKnown(
        `the log has not answered for ${Math.floor(ring.ageMs / 1_000)} s, so the key may have been revoked`,
      );
    }
    const key = ring.find(text, now());
    // One answer for all three: whoever tries keys learns nothing, and whoever owns one does the same in each case.
    if (key === undefined) {
      throw new ProblemError('key-invalid', 'this key was revoked, has expired or was never issued: ask for a new one');
    }
    return { actor: key.actor, scopes: key.scopes, keyId: key.id };
  }
}

/** Why a caller may not do what asks for a scope; undefined when it may. */
export function missingScope({ scopes }: Pick<Caller, 'scopes'>, wanted: Scope): ProblemError | undefined {
  if (allows(scopes, wanted)) return undefined;
  return new ProblemError('scope-missing', `this needs the scope ${wanted}, and the key has ${scopes.join(', ')}`);
}

/**
 * What the header `WWW-Authenticate` says beside a refusal (RFC 6750, section 3); undefined for problems that are not
 * about who calls.
 */
export function challengeOf({ code }: Pick<ProblemError, 'code'>, wanted?: Scope): string | undefined {
  switch (code) {
    case 'unauthenticated':
      return 'Bearer realm="anime"';
    case 'key-invalid':
      return 'Bearer realm="anime", error="invalid_token"';
    case 'scope-missing':
      return `Bearer realm="anime", error="insufficient_scope"${wanted === undefined ? '' : `, scope="${wanted}"`}`;
    default:
      return undefined;
  }
}

function notKnown(reason: string): ProblemError {
  return new ProblemError('log-unavailable', reason, { retryAfter: RETRY_AFTER });
}
