import type { JsMsg } from '@nats-io/jetstream';

export interface Gathered {
  readonly messages: readonly JsMsg[];
  /** True when nothing more was waiting as the batch was closed. */
  readonly drained: boolean;
}

/** How long a batch waits for messages that the server said are coming. */
const LINGER_MS = 5;

/**
 * Puts delivered messages into batches: what is there is taken at once, up to `max`; messages that the server has
 * announced (`pending`) are waited for a few milliseconds. So a live message is handed on without delay. At most `max`
 * messages wait here while a batch is worked on. Ends when `messages` end.
 */
export async function* gather(messages: AsyncIterable<JsMsg>, max: number): AsyncGenerator<Gathered> {
  const buffer = new MessageBuffer(max);
  const filling = buffer.fill(messages);
  filling.catch(() => undefined); // it is awaited below, perhaps long after it failed
  try {
    while (await buffer.nonEmpty()) {
      if (buffer.size < max) await buffer.linger();
      const batch = buffer.take();
      yield { messages: batch, drained: buffer.size === 0 && batch.at(-1)?.info.pending === 0 };
    }
    await filling;
  } finally {
    buffer.close();
  }
}

/** What lies between the client's iterator and the batches. A promise for each message would cost more than reading it. */
class MessageBuffer {
  readonly #messages: JsMsg[] = [];
  #ended = false;
  #closed = false;
  #wake: (() => void) | undefined;
  #room: (() => void) | undefined;

  constructor(private readonly max: number) {}

  get size(): number {
    return this.#messages.length;
  }

  async fill(messages: AsyncIterable<JsMsg>): Promise<void> {
    try {
      for await (const message of messages) {
        if (this.#closed) return;
        this.#messages.push(message);
        if (this.size === 1 || this.size >= this.max || message.info.pending === 0) this.#wake?.();
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
    if (this.#ended || this.size >= this.max || this.#messages.at(-1)?.info.pending === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LINGER_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  take(): JsMsg[] {
    const taken = this.#messages.splice(0, this.max);
    this.#room?.();
    return taken;
  }

  close(): void {
    this.#closed = true;
    this.#room?.();
  }
}
