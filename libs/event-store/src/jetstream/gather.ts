import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';

export interface Gathered {
  readonly messages: readonly JsMsg[];
  /** True when nothing more was waiting as the batch was closed. */
  readonly drained: boolean;
}

/** How long a batch waits for messages that the server said are coming. */
const LINGER_MS = 5;

/**
 * Puts delivered messages into batches: what is there is taken at once, up to `max`; messages that the server has
 * announced (`pending`) are waited for a few milliseconds. So a live message is handed on without delay.
 */
export async function* gather(messages: ConsumerMessages, max: number): AsyncGenerator<Gathered> {
  const iterator = messages[Symbol.asyncIterator]();
  let next = iterator.next();
  for (;;) {
    const first = await next;
    if (first.done === true) return;
    const batch = [first.value];
    next = iterator.next();
    let waiting: Promise<'waited'> | undefined;
    let closed = false;
    while (batch.length < max && !closed) {
      const last = batch.at(-1);
      waiting ??= wait(last !== undefined && last.info.pending > 0 ? LINGER_MS : 0);
      const result = await Promise.race([next, waiting]);
      if (result === 'waited') break;
      if (result.done === true) closed = true;
      else {
        batch.push(result.value);
        next = iterator.next();
        if (result.value.info.pending === 0) waiting = undefined;
      }
    }
    yield { messages: batch, drained: batch.length < max && batch.at(-1)?.info.pending === 0 };
    if (closed) return;
  }
}

function wait(ms: number): Promise<'waited'> {
  return new Promise((resolve) => {
    if (ms === 0) setImmediate(() => resolve('waited'));
    else setTimeout(() => resolve('waited'), ms);
  });
}
