import type { Sealed } from '@anime/contracts';
import { AggregateCache, handleCommand, type EventLog } from '@anime/event-store';
import type { SubjectKeys } from '@anime/sealed-fields';
import { decideExecutor, executorDecider, type ExecutorCommand } from '../domain/executor/executor.decide.js';
import { executorIdNamed } from '../domain/executor/executor-name.js';
import type { ExecutorState } from '../domain/executor/executor.state.js';
import { lookAtLog } from '../time-limit.js';
import { eventMeta, type Origin } from './origin.js';

/** More executors than a studio has. */
const REMEMBERED = 100;

export interface ExecutorCommandsDeps {
  readonly log: EventLog;
  readonly keys: Pick<SubjectKeys, 'seal'>;
  /** Slug of the studio. */
  readonly studio: string;
  /** `ce-time` of the next event. */
  readonly now: () => string;
}

/** A wish as it stands in the log. */
export interface ExecutorChanged {
  readonly executorId: string;
  readonly position: number;
}

/** What people may do to executors. Each command is durable when its promise resolves; none needs PostgreSQL. */
export class ExecutorCommands {
  readonly #deps: ExecutorCommandsDeps;
  readonly #cache: AggregateCache<ExecutorState>;

  constructor(deps: ExecutorCommandsDeps) {
    this.#deps = deps;
    this.#cache = new AggregateCache(deps.log, executorDecider, 'executor', { max: REMEMBERED });
  }

  /**
   * Wants an executor to get no more work; the same again changes nothing, and the first reason stays.
   * @param name its name or id
   * @param text a person's own words, stored sealed with the key of who says them
   * @throws ProblemError `executor-not-found`, `newer-contract`, what sealing throws, and what an append throws
   */
  async pause(name: string, text: string | undefined, origin: Origin): Promise<ExecutorChanged> {
    const reason = text === undefined ? null : await this.#sealed(name, text, origin);
    return this.#handle({ kind: 'PauseExecutor', name, reason }, origin);
  }

  /** Wants it to get work again, whyever it gets none. @throws ProblemError as `pause`, but for sealing */
  async resume(name: string, origin: Origin): Promise<ExecutorChanged> {
    return this.#handle({ kind: 'ResumeExecutor', name }, origin);
  }

  /** A key is made for nobody whose words are not going to be stored. */
  async #sealed(name: string, text: string, { actor }: Origin): Promise<Sealed | null> {
    const { state } = await lookAtLog(this.#cache.load(executorIdNamed(this.#deps.studio, name)));
    const decision = decideExecutor({ kind: 'PauseExecutor', name, reason: null }, state);
    return decision.kind === 'event' ? this.#deps.keys.seal(actor, text) : null;
  }

  async #handle(command: ExecutorCommand, origin: Origin): Promise<ExecutorChanged> {
    const executorId = executorIdNamed(this.#deps.studio, command.name);
    await lookAtLog(this.#cache.load(executorId));
    const { appended, state } = await handleCommand(this.#deps.log, executorDecider, {
      aggregate: 'executor',
      aggregateId: executorId,
      command,
      meta: eventMeta(origin, this.#deps.now()),
      cache: this.#cache,
    });
    const stands = state.stage === 'known' ? state.pausedAt : undefined;
    return { executorId, position: appended?.position ?? stands ?? 0 };
  }
}
