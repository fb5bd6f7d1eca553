import type { Aggregate } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import { LRUCache } from 'lru-cache';
import type { Decider } from '../decider.js';
import type { EventLog } from '../event-log.js';
import type { RecordedEvent } from '../event.js';
import type { LogEntry } from '../log-entry.js';
import { newerContract } from '../newer-contract.js';
import type { Snapshot, SnapshotStore } from './snapshot-store.js';

/** State of one aggregate and the position that an append on it has to expect. */
export interface Loaded<State> {
  readonly state: State;
  /** Of its last message, void and fenced ones too; 0 when it has none. */
  readonly position: number;
}

export interface AggregateCacheOptions {
  /** How many aggregates stay in memory; default 10 000. */
  readonly max?: number;
  readonly snapshots?: SnapshotStore | undefined;
  /** A snapshot is saved when this many messages came since the last; default 16. */
  readonly snapshotEvery?: number;
  /** A snapshot store that fails is passed over; this tells somebody. */
  readonly onSnapshotError?: (error: unknown) => void;
}

interface Folded<State> extends Loaded<State> {
  /** `ce-id` of the message at `position`, '' for a void one. */
  readonly eventId: string;
  /** Messages since the last snapshot. */
  readonly unsaved: number;
}

/**
 * Folded aggregates of one kind (architecture §3): memory, checked by one look at the aggregate's last message; behind it
 * a snapshot; then the newer events. What another copy of the log left behind is noticed by id and dropped.
 */
export class AggregateCache<State, Event extends RecordedEvent = RecordedEvent> {
  readonly #folded: LRUCache<string, Folded<State>>;

  constructor(
    private readonly log: Pick<EventLog, 'lastOfAggregate' | 'readAggregate'>,
    private readonly decider: Pick<Decider<State, never, Event>, 'foldVersion' | 'initial' | 'evolve'>,
    readonly aggregate: Aggregate,
    private readonly options: AggregateCacheOptions = {},
  ) {
    this.#folded = new LRUCache({ max: options.max ?? 10_000 });
  }

  /**
   * The aggregate as the log has it now.
   * @throws ProblemError `newer-contract` when it has an event of a newer version than this build knows: deciding without
   * it would be wrong; `log-unavailable`
   */
  async load(id: string): Promise<Loaded<State>> {
    const last = await this.log.lastOfAggregate(this.aggregate, id);
    if (last === undefined) {
      this.#folded.delete(id);
      return this.fresh();
    }
    const known = this.#folded.get(id);
    if (known !== undefined && known.position === last.position && known.eventId === idOf(last)) return known;
    return this.#keep(id, await this.#fold(id, known, last));
  }

  /** An aggregate that is to be created: nothing is read, the append's expectation says whether that was right. */
  fresh(): Loaded<State> {
    return { state: this.decider.initial, position: 0 };
  }

  /** Takes an event that this process has just appended behind `before`, so that the next load need not read it. */
  appended(id: string, before: Loaded<State>, event: Event): void {
    const unsaved = (this.#folded.get(id)?.unsaved ?? 0) + 1;
    this.#keep(id, {
      state: this.decider.evolve(before.state, event),
      position: event.position,
      eventId: event.id,
      unsaved,
    });
  }

  forget(id: string): void {
    this.#folded.delete(id);
  }

  async #fold(id: string, known: Folded<State> | undefined, last: LogEntry): Promise<Folded<State>> {
    for (const base of [known, await this.#snapshot(id, known, last.position)]) {
      if (base === undefined || base.position > last.position) continue;
      const folded = await this.#foldOn(id, base);
      if (folded !== undefined) return folded;
    }
    const folded = await this.#foldOn(id, undefined);
    if (folded === undefined) throw new ProblemError('internal', `${this.aggregate} ${id} cannot be folded`);
    return folded;
  }

  /** @returns undefined when `base` turns out to come from another log */
  async #foldOn(id: string, base: Folded<State> | undefined): Promise<Folded<State> | undefined> {
    let folded = base ?? { state: this.decider.initial, position: 0, eventId: '', unsaved: 0 };
    // Begins at the message that the base ends with, to see that it is the same.
    let proven = base === undefined;
    for await (const entry of this.log.readAggregate(this.aggregate, id, { after: Math.max(0, folded.position - 1) })) {
      if (!proven) {
        if (entry.position !== folded.position || idOf(entry) !== folded.eventId) return undefined;
        proven = true;
        continue;
      }
      if (entry.status === 'newer') throw newerContract(this.aggregate, id, entry);
      const state = entry.status === 'event' ? this.decider.evolve(folded.state, entry.event as Event) : folded.state;
      folded = { state, position: entry.position, eventId: idOf(entry), unsaved: folded.unsaved + 1 };
    }
    return proven ? folded : undefined;
  }

  async #snapshot(id: string, known: Folded<State> | undefined, end: number): Promise<Folded<State> | undefined> {
    if (this.options.snapshots === undefined || (known !== undefined && known.position <= end)) return undefined;
    let snapshot: Snapshot | undefined;
    try {
      snapshot = await this.options.snapshots.load(this.aggregate, id);
    } catch (error) {
      this.options.onSnapshotError?.(error);
    }
    if (snapshot === undefined || snapshot.foldVersion !== this.decider.foldVersion) return undefined;
    const { position, eventId } = snapshot;
    return { state: snapshot.state as State, position, eventId, unsaved: 0 };
  }

  /** Keeps it in memory, and from time to time as a snapshot, which nobody waits for. */
  #keep(id: string, folded: Folded<State>): Folded<State> {
    const { snapshots, snapshotEvery = 16, onSnapshotError } = this.options;
    const due = snapshots !== undefined && folded.unsaved >= snapshotEvery;
    const kept = due ? { ...folded, unsaved: 0 } : folded;
    this.#folded.set(id, kept);
    if (due) {
      const { position, eventId, state } = kept;
      snapshots
        .save(this.aggregate, { id, position, eventId, foldVersion: this.decider.foldVersion, state })
        .catch((error: unknown) => onSnapshotError?.(error));
    }
    return kept;
  }
}

function idOf(entry: LogEntry): string {
  switch (entry.status) {
    case 'event':
    case 'fenced':
      return entry.event.id;
    case 'newer':
    case 'unknown':
      return entry.eventId;
    case 'void':
      return '';
  }
}
