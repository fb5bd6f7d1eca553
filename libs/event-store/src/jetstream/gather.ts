import type { JsMsg } from '@nats-io/jetstream';

export interface Gathered<Item> {
  readonly items: readonly Item[];
  /** True when nothing more was waiting as the batch was closed. */
  readonly drained: boolean;
}

/** How long a batch waits for messages that the server said are coming. */
const LINGER_MS = 5;

/** Messages read in one turn of the event loop; about a millisecond. */
const READ_AT_ONCE = 16;

/**
 * Puts delivered messages into batches: what is there is taken at once, up to `max`; messages that the server has
 * announced (`pending`) are waited for a few milliseconds. So a live message is handed on without delay. At most `max`
 * messages wait here while a batch is worked on. Ends when `messages` end, or at the first of which `read` makes nothing.
 * @param read what is made of each message as it comes, so that it is done while a batch is worked on
 */
export async function* gather<Item>(
  messages: AsyncIterable<JsMsg>,
  max: number,
  read: (message: JsMsg) => Item | undefined,
): AsyncGenerator<Gathered<Item>> {
  const buffer = new ItemBuffer(max, read);
  const filling = buffer.fill(messages);
  filling.catch(() => undefined); // it is awaited below, perhaps long after it failed
  try {
    while (await buffer.nonEmpty()) {
      if (buffer.size < max) await buffer.linger();
      yield buffer.take();
    }
    await filling;
  } finally {
    buffer.close();
  }
}

/** What lies between the client's iterator and the batches. A promise for each message would cost more than reading it. */
class ItemBuffer<Item> {
  readonly #items: Item[] = [];
  /** Of the last message: how many the server still has. */
  #pending = 0;
  #ended = false;
  #closed = false;
  #wake: (() => void) | undefined;
  #room: (() => void) | undefined;

  constructor(
    private readonly max: number,
    private readonly read: (message: JsMsg) => Item | undefined,
  ) {}

  get size(): number {
    return this.#items.length;
  }

  async fill(messages: AsyncIterable<JsMsg>): Promise<void> {
    try {
      for await (const message of messages) {
        if (this.#closed) return;
        const item = this.read(message);
        if (item === undefined) return;
        // Both at once: whoever takes the items must know whether they are the last.
        this.#items.push(item);
        this.#pending = message.info.pending;
        // Else what waits meanwhile, e.g. for PostgreSQL's answers, would wait until all that the client holds is read.
        if (this.size % READ_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
        if (this.size === 1 || this.size >= this.max || this.#pending === 0) this.#wake?.();
        if (this.size >= this.max) await new Promise<void>((resolve) => (this.#room = resolve));
      }
    } finally {
      this.#ended = true;
      this.#wake?.();
    }
  }

  /** @returns false when there is none and none will come */
  async nonEmpty(): Promise<boolean> {
    while (this.size === 0 && !this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
    return this.size > 0;
  }

  /** Waits for announced messages; without any, only for what is being read from the socket right now. */
  async linger(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#ended || this.size >= this.max || this.#pending === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LINGER_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  take(): Gathered<Item> {
    const items = this.#items.splice(0, this.max);
    this.#room?.();
    return { items, drained: this.size === 0 && this.#pending === 0 };
  }

  close(): void {
    this.#closed = true;
    this.#room?.();
  }
}
