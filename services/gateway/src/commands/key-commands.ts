import { hashOfKey, hintOfKey, newKey } from '@anime/api-keys';
import type { Scope } from '@anime/contracts';
import type { IssuedKey, RevokedKey } from '@anime/contracts/http';
import { appendDecision, deriveId, handleCommand, uuidv7, type EventLog } from '@anime/event-store';
import { isProblem, ProblemError } from '@anime/problem-details';
import type { SubjectKeys } from '@anime/sealed-fields';
import { apiKeyDecider, decideApiKey } from '../domain/api-key/api-key.decide.js';
import { NO_KEY } from '../domain/api-key/api-key.state.js';
import { lookAtLog } from '../time-limit.js';
import { eventMeta, type Origin } from './origin.js';

/** A key that somebody wants. */
export interface IssueKey {
  readonly scopes: readonly Scope[];
  /** What people call it, in the clear: it is sealed before anything else sees it. */
  readonly label?: string | undefined;
  /** Whom it acts as; a new one when absent. */
  readonly actor?: string | undefined;
  readonly expiresAt?: string | undefined;
}

export interface KeyCommandsDeps {
  readonly log: EventLog;
  readonly subjectKeys: Pick<SubjectKeys, 'seal'>;
  /** `ce-time` of the next event. */
  readonly now: () => string;
}

/** What may be done to API keys. Each command is durable when its promise resolves. */
export class KeyCommands {
  readonly #deps: KeyCommandsDeps;

  constructor(deps: KeyCommandsDeps) {
    this.#deps = deps;
  }

  /**
   * Issues a key. The answer is the only place where it ever stands.
   * @throws ProblemError `validation-failed` when it would have expired already, and what sealing and an append throw
   */
  async issue({ scopes, label, actor = uuidv7(), expiresAt }: IssueKey, origin: Origin): Promise<IssuedKey> {
    const { log, now, subjectKeys } = this.#deps;
    const [id, key, time] = [uuidv7(), newKey(), now()];
    const hint = hintOfKey(key);
    const issued = {
      actor,
      hash: hashOfKey(key),
      hint,
      scopes: [...scopes],
      label: label === undefined ? null : await subjectKeys.seal(actor, label),
      expiresAt: expiresAt ?? null,
    };
    const decision = decideApiKey({ kind: 'IssueKey', key: issued, now: time }, NO_KEY);
    // A new id has no events: nothing is loaded, and the expectation makes it create-once.
    const appended = await appendDecision(log, decision, {
      aggregateId: id,
      meta: eventMeta(origin, time),
      expect: { scope: 'aggregate', lastPosition: 0 },
    }).catch((error: unknown) => {
      throw isProblem(error, 'log-unavailable') ? withWayOut(error, id) : error;
    });
    if (appended === undefined) throw new ProblemError('append-conflict', `key ${id} is there already`);
    return { id, key, hint, actor, scopes: issued.scopes, expiresAt: issued.expiresAt, position: appended.position };
  }

  /**
   * Revokes a key, for ever; one that is revoked already stays so.
   * @throws ProblemError `key-not-found`, `newer-contract`, and what an append throws
   */
  async revoke(id: string, origin: Origin): Promise<RevokedKey> {
    const { log, now } = this.#deps;
    const { appended } = await handleCommand(log, apiKeyDecider, {
      aggregate: 'api-key',
      aggregateId: id,
      command: { kind: 'RevokeKey' },
      // However often and through however many gateways at a time, it is one event.
      meta: { ...eventMeta(origin, now()), id: deriveId(id, 'revoked') },
    });
    if (appended !== undefined) return { id, position: appended.position };
    const last = await lookAtLog(log.lastOfAggregate('api-key', id));
    return { id, position: last?.position ?? 0 };
  }
}

/** The event may be stored all the same, and then there is a key that nobody has. */
function withWayOut(error: ProblemError, id: string): ProblemError {
  const hint = `if GET /api/anime/keys then lists ${id}, revoke it and issue another: the key itself is lost`;
  const retryAfter = error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter };
  return new ProblemError(error.code, `${error.message}; ${hint}`, { cause: error, ...retryAfter });
}
