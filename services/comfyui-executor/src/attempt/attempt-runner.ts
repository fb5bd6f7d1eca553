import { setTimeout as delay } from 'node:timers/promises';
import { DONE, type Outcome, type ReactorContext } from '@anime/messaging';
import { isProblem, messageOf } from '@anime/problem-details';
import { failure } from '../domain/attempt/failure.js';
import type { Assigned, CancelOrdered, Order } from './attempt-journal.js';
import { AttemptRun, type AttemptRunnerOptions } from './attempt-run.js';

/** How long a cancel waits for the run beside it to end, before it answers for itself. */
const CANCEL_PATIENCE_MS = 10_000;
const CANCEL_RETRY_MS = 2_000;

interface Running {
  readonly jobId: string;
  readonly run: AttemptRun;
  readonly finished: Promise<void>;
  /** True once executed or attempt-failed stands in the log. */
  recorded: boolean;
}

/**
 * Runs the attempts of one ComfyUI server so that each is POSTed once at most, whatever dies in between: `started` is
 * stored before the POST, and an attempt that has one is only ever looked for (architecture §6).
 */
export class AttemptRunner {
  readonly #options: AttemptRunnerOptions;
  readonly #running = new Map<string, Running>();
  readonly #posted = new Set<string>();

  constructor(options: AttemptRunnerOptions) {
    this.#options = options;
  }

  /** The job whose prompt is on the server longest; null when there is none. */
  get currentJobId(): string | null {
    for (const { run, jobId } of this.#running.values()) if (run.submitted) return jobId;
    return null;
  }

  isRunning(promptId: string): boolean {
    return this.#running.has(promptId);
  }

  /**
   * Runs an assigned attempt to its end; acknowledge it only then.
   * @throws what log and blob store throw: then nothing is decided, and the next delivery adopts
   */
  async onAssigned(assigned: Assigned, context: Pick<ReactorContext, 'signal'>): Promise<Outcome> {
    const { promptId } = assigned.data;
    // A redelivered message must not run beside the handler that lost it and is about to stop.
    for (let other = this.#running.get(promptId); other !== undefined; other = this.#running.get(promptId))
      await other.finished;
    const { promise: finished, resolve } = Promise.withResolvers<void>();
    const run = new AttemptRun(this.#options, this.#posted, assigned, context.signal);
    const running: Running = { jobId: assigned.aggregateId, run, finished, recorded: false };
    this.#running.set(promptId, running);
    try {
      const end = await run.run();
      if (end.kind === 'left') return stopping();
      if (end.kind === 'executed') await this.#options.journal.executed(assigned, end.data);
      if (end.kind === 'failed') await this.#options.journal.failed(assigned, end.failure);
      running.recorded = end.kind !== 'dropped';
      this.#posted.delete(promptId);
      return DONE;
    } finally {
      this.#running.delete(promptId);
      resolve();
    }
  }

  /**
   * Stops an attempt, wherever it is, and answers for it unless it ended first. Goes on until the server has answered:
   * a prompt that was cancelled must not be left running.
   */
  async onCancelOrdered(ordered: CancelOrdered, context: Pick<ReactorContext, 'signal'>): Promise<Outcome> {
    const { attempt, promptId } = ordered.data;
    const { journal } = this.#options;
    const running = this.#running.get(promptId);
    running?.run.cancel();
    const stopped = await this.#stop(promptId);
    if (running !== undefined) await settled(running.finished, CANCEL_PATIENCE_MS, context.signal);
    if (context.signal.aborted) return stopping();
    if (running?.recorded !== true && !(await journal.hasEnded(ordered.aggregateId, attempt))) {
      const later = 'The attempt was cancelled; ComfyUI does not answer, so its prompt is stopped as soon as it does';
      await journal.failed(
        ordered,
        failure('cancelled', 'cancelled', stopped ? 'The attempt was cancelled as ordered' : later),
      );
    }
    return stopped ? DONE : { kind: 'retry', error: new Error('ComfyUI does not answer'), delayMs: CANCEL_RETRY_MS };
  }

  /** Gives an order up: the attempt ends as `internal`, its dead letter. */
  async park(order: Order, error: unknown, deliveries: number): Promise<void> {
    const reason = messageOf(error);
    await this.#options.journal.failed(
      order,
      failure('internal', 'parked', `Given up after ${deliveries} deliveries: ${reason}`),
    );
  }

  /** @returns false when the server does not answer */
  async #stop(promptId: string): Promise<boolean> {
    try {
      await this.#options.client.cancel(promptId);
      return true;
    } catch (error) {
      if (isProblem(error, 'comfyui-unavailable')) return false;
      throw error;
    }
  }
}

/** Given back at once: the next life of the service goes on with it. */
function stopping(): Outcome {
  return { kind: 'retry', error: new Error('the executor is stopping'), delayMs: 0 };
}

/** Waits for a promise, a time or a signal, whichever is first. */
async function settled(promise: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  const timer = new AbortController();
  const pause = delay(ms, undefined, { signal: AbortSignal.any([signal, timer.signal]) }).catch(() => undefined);
  await Promise.race([promise, pause]);
  timer.abort();
}
