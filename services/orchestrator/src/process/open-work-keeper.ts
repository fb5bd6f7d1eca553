import type { Batch, Checkpoint, EventLog, Snapshot, SnapshotStore } from '@anime/event-store';
import { messageOf } from '@anime/problem-details';
import { OPEN_WORK_FOLD_VERSION, OpenWork, type OpenWorkSnapshot } from '../domain/open-work/open-work.js';
import type { OrchestratorProcess } from './orchestrator-process.js';

/** So many events, or so long, after the last snapshot a new one is taken. */
const EVENTS_BETWEEN = 2_000;
const TIME_BETWEEN_MS = 30_000;
const RETRY_MS = 5_000;
const BEGINNING: Checkpoint = { position: 0, eventId: '' };

interface KeeperDeps {
  readonly log: EventLog;
  readonly process: OrchestratorProcess;
  readonly snapshots: SnapshotStore;
  readonly schedulerId: string;
  readonly now: () => number;
  readonly onTrouble: (what: string, error: unknown) => void;
}

/**
 * Keeps a snapshot of the open work in the orchestrator's schema, so that a start need not fold the whole log. It is a
 * cache: when it is away, of another fold version or does not fit the log, the fold begins at the beginning.
 */
export class OpenWorkKeeper {
  readonly #deps: KeeperDeps;
  #saved: { position: number; at: number };
  /** The place of the last snapshot found that does not belong to the log: the next one takes its place in the store. */
  #foreign: Checkpoint | undefined;
  #saving: Promise<void> = Promise.resolve();
  #busy = false;
  #reason: string | null = null;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
    this.#saved = { position: 0, at: deps.now() };
  }

  /** Why snapshots cannot be kept at the moment; null when all is well. The orchestrator works on without them. */
  get reason(): string | null {
    return this.#reason;
  }

  /**
   * Where to begin reading; the process holds the matching state afterwards.
   * @throws ProblemError `log-unavailable` when the snapshot cannot be compared with the log now
   */
  async restore(): Promise<Checkpoint> {
    const { process, schedulerId, now } = this.#deps;
    // What is being written would else come behind the look at what is stored.
    await this.#saving;
    const snapshot = await this.#load();
    if (snapshot?.foldVersion === OPEN_WORK_FOLD_VERSION) {
      const checkpoint = { position: snapshot.position, eventId: snapshot.eventId };
      if (await this.#fits(checkpoint)) {
        process.restore(OpenWork.fromSnapshot(schedulerId, snapshot.state as OpenWorkSnapshot), checkpoint);
        this.#saved = { position: checkpoint.position, at: now() };
        return checkpoint;
      }
      this.#foreign = checkpoint;
    }
    process.restore(new OpenWork(schedulerId), BEGINNING);
    this.#saved = { position: BEGINNING.position, at: now() };
    return BEGINNING;
  }

  async #load(): Promise<Snapshot | undefined> {
    try {
      const snapshot = await this.#deps.snapshots.load('scheduler', this.#deps.schedulerId);
      this.#reason = null;
      return snapshot;
    } catch (error) {
      this.#trouble('the snapshot of the open work cannot be read; folding the whole log', error);
      return undefined;
    }
  }

  /** Takes a snapshot in the background when it is time. */
  onBatch(batch: Batch): void {
    const { position } = batch.checkpoint;
    const due =
      position - this.#saved.position >= EVENTS_BETWEEN ||
      (position > this.#saved.position && this.#deps.now() - this.#saved.at >= TIME_BETWEEN_MS);
    // After a failure the time until the next try counts, not the events: see `look`.
    if (due && !this.#busy && this.#reason === null) void this.save();
  }

  /** To be called at intervals: tries again what failed, though nothing happens in the log. */
  look(): void {
    const failed = this.#reason !== null && this.#deps.now() - this.#saved.at >= RETRY_MS;
    if (failed && !this.#busy) void this.save();
  }

  /** Takes a snapshot now, e.g. on drain; never throws. */
  async save(): Promise<void> {
    const { process, snapshots, schedulerId, now } = this.#deps;
    const { position, eventId } = process.checkpoint;
    if (position === 0 || position === this.#saved.position || eventId === '') return this.#saving;
    this.#busy = true;
    this.#saved = { position, at: now() };
    // The state is copied now: the fold goes on while the database writes.
    const state = structuredClone(process.work.toSnapshot());
    const snapshot = { id: schedulerId, position, eventId, foldVersion: OPEN_WORK_FOLD_VERSION, state };
    this.#saving = snapshots
      .save('scheduler', snapshot, this.#foreign)
      .then(
        () => {
          this.#reason = null;
        },
        (error: unknown) => {
          // Nothing is saved at that position: the next look tries again, and so does a drain.
          this.#saved = { position: 0, at: now() };
          this.#trouble('the snapshot of the open work cannot be written', error);
        },
      )
      .finally(() => {
        this.#busy = false;
      });
    return this.#saving;
  }

  /** Whether the log holds that event at that position. */
  async #fits(checkpoint: Checkpoint): Promise<boolean> {
    if ((await this.#deps.log.end()) < checkpoint.position) return false;
    for await (const entry of this.#deps.log.read({ after: checkpoint.position - 1, to: checkpoint.position })) {
      if (entry.status === 'void') return false;
      return ('event' in entry ? entry.event.id : entry.eventId) === checkpoint.eventId;
    }
    return false;
  }

  #trouble(what: string, error: unknown): void {
    this.#reason = `${what}: ${messageOf(error)}`;
    this.#deps.onTrouble(what, error);
  }
}
