import { setTimeout as delay } from 'node:timers/promises';
import type { Aggregate } from '@anime/contracts';
import { isProblem } from '@anime/problem-details';
import type { Decider, Decision } from '../decider.js';
import type { Appended, EventLog } from '../event-log.js';
import type { EventMeta, RecordedEvent } from '../event.js';
import { recordedFrom } from '../recorded-from.js';
import { AggregateCache, type Loaded } from './aggregate-cache.js';
import { appendDecision } from './append-decision.js';

export interface CommandRequest<State, Command, Event extends RecordedEvent> {
  readonly aggregate: Aggregate;
  readonly aggregateId: string;
  /** With the time, ids and seeds that the decision needs. */
  readonly command: Command;
  /** Of the event, if one is decided. Its id is the same in every try, so that a repeat is recognised. */
  readonly meta: EventMeta;
  /** The aggregate is to be new: it is not read first. If it does exist, it is read and the command decided on that. */
  readonly createOnce?: boolean;
  /** Kept between commands by the service; without it the aggregate is folded from the log each time. */
  readonly cache?: AggregateCache<State, Event>;
}

export interface CommandResult<State> {
  readonly decision: Decision;
  /** What it was decided on. */
  readonly state: State;
  /** Absent when nothing was decided. */
  readonly appended?: Appended;
}

/** How often a command is decided when others keep changing the aggregate. */
const TRIES = 5;

/**
 * Loads, decides and appends with the expectation that nothing came in between; on a conflict takes in what came and decides
 * again, a bounded number of times (architecture §3).
 * @throws ProblemError of the refusal's code; `append-conflict` after the last try; whatever loading and appending throw
 */
export async function handleCommand<State, Command, Event extends RecordedEvent>(
  log: EventLog,
  decider: Decider<State, Command, Event>,
  request: CommandRequest<State, Command, Event>,
): Promise<CommandResult<State>> {
  const { aggregate, aggregateId, meta } = request;
  const cache = request.cache ?? new AggregateCache<State, Event>(log, decider, aggregate, { max: 1 });
  let loaded = request.createOnce === true ? cache.fresh() : await cache.load(aggregateId);
  for (let attempt = 1; ; attempt += 1) {
    const decision = decider.decide(request.command, loaded.state);
    try {
      const expect = { scope: 'aggregate', lastPosition: loaded.position } as const;
      const appended = await appendDecision(log, decision, { aggregateId, meta, expect });
      if (appended === undefined) return { decision, state: loaded.state };
      remember(cache, loaded, appended, decision, request);
      return { decision, state: loaded.state, appended };
    } catch (error) {
      if (!isProblem(error, 'append-conflict') || attempt === TRIES) throw error;
      loaded = await newer(cache, aggregateId, loaded.position);
    }
  }
}

function remember<State, Command, Event extends RecordedEvent>(
  cache: AggregateCache<State, Event>,
  before: Loaded<State>,
  appended: Appended,
  decision: Decision,
  { aggregateId, meta }: CommandRequest<State, Command, Event>,
): void {
  // A repeat lies somewhere behind us, and a decision under a term may be fenced: both are for the next load to read.
  if (decision.kind !== 'event' || appended.duplicate || meta.epoch !== undefined) return cache.forget(aggregateId);
  const event = recordedFrom(
    { ...meta, contract: decision.contract, aggregateId, data: decision.data },
    appended.position,
  );
  cache.appended(aggregateId, before, event as Event);
}

/** In a cluster the unseen event may still be on its way to the replica that answers: look again for a moment. */
async function newer<State, Event extends RecordedEvent>(
  cache: AggregateCache<State, Event>,
  id: string,
  position: number,
): Promise<Loaded<State>> {
  for (let look = 1; ; look += 1) {
    const loaded = await cache.load(id);
    if (loaded.position !== position || look === TRIES) return loaded;
    await delay(10 * look);
  }
}
