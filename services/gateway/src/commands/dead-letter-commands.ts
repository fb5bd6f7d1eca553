import type { Sealed } from '@anime/contracts';
import { AggregateCache, handleCommand, type EventLog } from '@anime/event-store';
import type { SubjectKeys } from '@anime/sealed-fields';
import {
  deadLetterDecider,
  decideDeadLetter,
  type DeadLetterCommand,
} from '../domain/dead-letter/dead-letter.decide.js';
import type { DeadLetterEvent } from '../domain/dead-letter/dead-letter.evolve.js';
import type { DeadLetter } from '../domain/dead-letter/dead-letter.state.js';
import { lookAtLog } from '../time-limit.js';
import { eventMeta, type Origin } from './origin.js';

/** Dead letters are few: those that somebody just looked at. */
const REMEMBERED = 100;

export interface DeadLetterCommandsDeps {
  readonly log: EventLog;
  readonly keys: Pick<SubjectKeys, 'seal'>;
  /** `ce-time` of the next event. */
  readonly now: () => string;
}

/** What people may do about events that a consumer gave up. All comes from the log, none from PostgreSQL. */
export class DeadLetterCommands {
  readonly #deps: DeadLetterCommandsDeps;
  readonly #cache: AggregateCache<DeadLetter, DeadLetterEvent>;

  constructor(deps: DeadLetterCommandsDeps) {
    this.#deps = deps;
    this.#cache = new AggregateCache(deps.log, deadLetterDecider, 'dead-letter', { max: REMEMBERED });
  }

  /**
   * Asks the consumer to handle the event again; while it has not answered, asking once more changes nothing.
   * @returns position of the wish
   * @throws ProblemError `dead-letter-not-found`, `dead-letter-closed`, `newer-contract`, and what an append throws
   */
  async replay(id: string, origin: Origin): Promise<number> {
    const now = this.#deps.now();
    return this.#handle(id, { kind: 'ReplayDeadLetter', now }, origin, now);
  }

  /**
   * Closes a dead letter for good; the same again changes nothing, and the first reason stays.
   * @param reason a person's own words, stored sealed with the key of who says them
   * @throws as `replay`, and what sealing throws
   */
  async discard(id: string, reason: string | undefined, origin: Origin): Promise<number> {
    const sealed = reason === undefined ? null : await this.#sealed(id, reason, origin);
    return this.#handle(id, { kind: 'DiscardDeadLetter', reason: sealed }, origin, this.#deps.now());
  }

  /** A key is made for nobody whose words are not going to be stored. */
  async #sealed(id: string, reason: string, { actor }: Origin): Promise<Sealed | null> {
    const { state } = await lookAtLog(this.#cache.load(id));
    const decision = decideDeadLetter({ kind: 'DiscardDeadLetter', reason: null }, state);
    return decision.kind === 'event' ? this.#deps.keys.seal(actor, reason) : null;
  }

  async #handle(id: string, command: DeadLetterCommand, origin: Origin, time: string): Promise<number> {
    await lookAtLog(this.#cache.load(id));
    const { appended, state } = await handleCommand(this.#deps.log, deadLetterDecider, {
      aggregate: 'dead-letter',
      aggregateId: id,
      command,
      meta: eventMeta(origin, time),
      cache: this.#cache,
    });
    return appended?.position ?? wishIn(state);
  }
}

/** Where the wish stands that made a command unnecessary. */
function wishIn(letter: DeadLetter): number {
  if (letter.state === 'absent') return 0;
  return letter.closedAt ?? letter.replay?.position ?? 0;
}
