import { ApiKeyIssuedV1, ApiKeyRevokedV1, type EventData, type Scope } from '@anime/contracts';
import { isEvent, type Batch, type Checkpoint, type EventOf, type RecordedEvent } from '@anime/event-store';
import { hashOfKey } from './key-text.js';

/** A key as the log tells of it. */
export interface KnownKey extends Omit<EventData<typeof ApiKeyIssuedV1>, 'hash'> {
  readonly id: string;
  readonly issuedAt: string;
  /** `ce-actor` of whoever issued it. */
  readonly issuedBy: string;
  readonly revokedAt: string | null;
}

const BEGINNING: Checkpoint = { position: 0, eventId: '' };

/** Every API key of a studio, folded from the log in memory: needs no database, and sees a revocation as soon as the log has it. */
export class KeyRing {
  readonly #clock: () => number;
  readonly #byId = new Map<string, KnownKey>();
  readonly #idByHash = new Map<string, string>();
  readonly #waiting = new Set<() => void>();
  #checkpoint = BEGINNING;
  #caughtUp = false;
  #currentAt = Number.NEGATIVE_INFINITY;

  /** @param clock monotonic milliseconds */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Where to read on. */
  get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }

  /** Whether everything that was in the log has been read once: before, a key that is not here may still come. */
  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  /** Milliseconds since it surely knew every revocation; Infinity before it caught up. */
  get ageMs(): number {
    return this.#caughtUp ? this.#clock() - this.#currentAt : Number.POSITIVE_INFINITY;
  }

  /** Forgets everything: the log is another one. */
  restart(): void {
    this.#byId.clear();
    this.#idByHash.clear();
    this.#checkpoint = BEGINNING;
    this.#caughtUp = false;
  }

  /** Takes in what comes next in the log. */
  take({ entries, checkpoint, caughtUp }: Pick<Batch, 'entries' | 'checkpoint' | 'caughtUp'>): void {
    for (const entry of entries) if (entry.status === 'event') this.#apply(entry.event);
    this.#checkpoint = checkpoint;
    if (caughtUp) {
      this.#caughtUp = true;
      this.#currentAt = this.#clock();
    }
    for (const wake of this.#waiting) wake();
  }

  /** Says that everything that stood in the log at a time was read. @param at of the same clock */
  wasCurrent(at: number): void {
    this.#currentAt = Math.max(this.#currentAt, at);
  }

  /** Waits until a position of the log has been read. @returns false when it was not within the time */
  reached(position: number, timeoutMs: number): Promise<boolean> {
    return this.#until(() => this.#checkpoint.position >= position, timeoutMs);
  }

  /** Waits until it has caught up, however long that takes. */
  async known(): Promise<void> {
    await this.#until(() => this.#caughtUp);
  }

  /**
   * The key with this text, if it opens anything now.
   * Looked up by its hash: how long that takes depends on bits that nobody can choose without having the key.
   * @param now instant
   */
  find(text: string, now: string): KnownKey | undefined {
    const id = this.#idByHash.get(hashOfKey(text));
    return id === undefined ? undefined : this.valid(id, now);
  }

  /** The key of this id, if it opens anything now. @param now instant */
  valid(id: string, now: string): KnownKey | undefined {
    const key = this.#byId.get(id);
    return key !== undefined && isValid(key, now) ? key : undefined;
  }

  /** Whether anybody could do everything. @param now instant */
  hasAdmin(now: string): boolean {
    return [...this.#byId.values()].some((key) => key.scopes.includes('admin') && isValid(key, now));
  }

  /** Every key that was ever issued, newest first. */
  all(): readonly KnownKey[] {
    return [...this.#byId.values()].reverse();
  }

  #apply(event: RecordedEvent): void {
    if (isEvent(event, ApiKeyIssuedV1)) return this.#issued(event);
    if (!isEvent(event, ApiKeyRevokedV1)) return;
    const key = this.#byId.get(event.aggregateId);
    if (key?.revokedAt === null) this.#byId.set(key.id, { ...key, revokedAt: event.time });
  }

  /** The first issue of an id, and of a hash, stays: a key that was revoked cannot be brought back. */
  #issued({ aggregateId: id, time, actor: issuedBy, data }: EventOf<typeof ApiKeyIssuedV1>): void {
    const { hash, ...rest } = data;
    if (this.#byId.has(id) || this.#idByHash.has(hash)) return;
    this.#idByHash.set(hash, id);
    this.#byId.set(id, { ...rest, id, issuedAt: time, issuedBy, revokedAt: null });
  }

  #until(isSo: () => boolean, timeoutMs?: number): Promise<boolean> {
    if (isSo()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (answer: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(answer);
      };
      const look = (): void => {
        if (isSo()) settle(true);
      };
      // Nothing stays up for it: who stops need not wait for what may still come.
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => settle(false), timeoutMs).unref();
      this.#waiting.add(look);
    });
  }
}

function isValid(key: KnownKey, now: string): boolean {
  return key.revokedAt === null && (key.expiresAt === null || now < key.expiresAt);
}

/** Whether these scopes allow what asks for that one. */
export function allows(scopes: readonly Scope[], wanted: Scope): boolean {
  return scopes.includes(wanted) || scopes.includes('admin');
}
