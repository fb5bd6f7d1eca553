import type { JsMsg } from '@nats-io/jetstream';

/** A message that this process has and has not settled yet. */
export interface Held {
  /** Place and time of storing: what makes two deliveries the same message. */
  readonly key: string;
  /** The newest delivery of it. */
  message: JsMsg;
  /** True while its handler runs. */
  running: boolean;
  /** Acknowledged, given back or terminated; nothing more may be said about it. */
  settled: boolean;
}

export type Final = 'ack' | 'term';

/** So many settled messages are remembered, so that a lost acknowledgement costs no second handling. */
const REMEMBERED = 10_000;
const ACK_TIMEOUT_MS = 5_000;

/** The messages a reactor has in hand: at most `capacity`, kept alive on the server, each settled once. */
export class HeldMessages {
  readonly #held = new Map<string, Held>();
  readonly #finished = new Map<string, Final>();
  #freed = Promise.withResolvers<void>();

  constructor(private readonly capacity: number) {}

  get free(): number {
    return Math.max(0, this.capacity - this.#held.size);
  }

  get size(): number {
    return this.#held.size;
  }

  /** Settles when a message has been let go, or at the next `wake()`. */
  freed(): Promise<void> {
    return this.#freed.promise;
  }

  /**
   * Takes a delivery in hand. @returns undefined when it repeats one that is in hand, or one that was settled for good (its
   * acknowledgement was lost, and is sent again)
   */
  take(key: string, message: JsMsg): Held | undefined {
    const known = this.#held.get(key);
    if (known !== undefined) known.message = message;
    const final = this.#finished.get(key);
    if (final !== undefined) send(() => (final === 'ack' ? message.ack() : message.term()));
    if (known !== undefined || final !== undefined) return undefined;
    const held: Held = { key, message, running: false, settled: false };
    this.#held.set(key, held);
    return held;
  }

  release(held: Held): void {
    this.#held.delete(held.key);
    this.wake();
  }

  /** Lets whoever awaits `freed()` look again. */
  wake(): void {
    this.#freed.resolve();
    this.#freed = Promise.withResolvers<void>();
  }

  /** Tells the server that all of them are still being worked on. */
  keepAlive(): void {
    for (const held of this.#held.values()) if (!held.settled) send(() => held.message.working());
  }

  /** Gives back what is not running (or all of it) at once, so that another instance gets it. */
  giveBack(which: 'queued' | 'all'): void {
    for (const held of this.#held.values()) {
      if (which === 'all' || !held.running) this.again(held, 0);
    }
  }

  /**
   * Acknowledges and waits for the server's answer. @returns false when it did not come: the message will be
   * delivered again and then acknowledged without being handled
   */
  async acknowledge(held: Held): Promise<boolean> {
    if (held.settled) return true;
    held.settled = true;
    this.#remember(held.key, 'ack');
    try {
      return await held.message.ackAck({ timeout: ACK_TIMEOUT_MS });
    } catch {
      return false;
    }
  }

  /** Acknowledges what nobody here wants: no answer is awaited, as a lost acknowledgement only repeats this. */
  dismiss(held: Held): void {
    if (held.settled) return;
    held.settled = true;
    send(() => held.message.ack());
  }

  terminate(held: Held, reason: string): void {
    if (held.settled) return;
    held.settled = true;
    this.#remember(held.key, 'term');
    send(() => held.message.term(reason));
  }

  /** Asks for another delivery, not before the delay is over. */
  again(held: Held, delayMs: number): void {
    if (held.settled) return;
    held.settled = true;
    send(() => held.message.nak(delayMs > 0 ? delayMs : undefined));
  }

  #remember(key: string, final: Final): void {
    this.#finished.set(key, final);
    if (this.#finished.size <= REMEMBERED) return;
    const [oldest] = this.#finished.keys();
    if (oldest !== undefined) this.#finished.delete(oldest);
  }
}

/** On a connection that was closed for good nothing can be sent; the server then delivers the message again. */
function send(action: () => void): void {
  try {
    action();
  } catch {
    return;
  }
}
