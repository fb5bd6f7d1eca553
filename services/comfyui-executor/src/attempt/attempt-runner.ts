import { setTimeout as delay } from 'node:timers/promises';
import { JobAssignedV2, JobAttemptLostV1, type EventData, type JobExecutedV2 } from '@anime/contracts';
import { isEvent } from '@anime/event-store';
import { DONE, type Outcome, type ReactorContext } from '@anime/messaging';
import { isProblem, messageOf } from '@anime/problem-details';
import { failure, type Failure } from '../domain/attempt/failure.js';
import { tooManyOutputs } from '../domain/attempt/wanted-outputs.js';
import type { Assigned, AttemptLost, CancelOrdered, Order } from './attempt-journal.js';
import { AttemptRun, type AttemptRunnerOptions, type AttemptRunOptions } from './attempt-run.js';
import { Slots } from './slots.js';

/** How long a cancel waits for the run beside it to end, before it answers for itself. */
const CANCEL_PATIENCE_MS = 10_000;
const CANCEL_RETRY_MS = 2_000;
/** So many attempts fetch their outputs from a server at a time, beside the prompts that it runs. */
const DOWNLOADS_PER_SERVER = 4;

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
  readonly #options: AttemptRunOptions;
  readonly #running = new Map<string, Running>();
  readonly #posted = new Set<string>();

  constructor(options: AttemptRunnerOptions) {
    this.#options = { ...options, downloads: new Slots(DOWNLOADS_PER_SERVER) };
  }

  /** The job whose prompt is on the server longest; null when there is none. */
  get currentJobId(): string | null {
    for (const { run, jobId } of this.#running.values()) if (run.submitted) return jobId;
    return null;
  }

  isRunning(promptId: string): boolean {
    return this.#running.has(promptId);
  }

  /** Carries out an order. @throws what log and blob store throw: then nothing is decided, and it must come again */
  onOrder(order: Order, context: Pick<ReactorContext, 'signal'>): Promise<Outcome> {
    if (isEvent(order, JobAssignedV2)) return this.#onAssigned(order, context);
    if (isEvent(order, JobAttemptLostV1)) return this.#onAttemptLost(order, context);
    return this.#onCancelOrdered(order, context);
  }

  /**
   * Runs an assigned attempt to its end; acknowledge it only then. What a newer build has recorded makes it wait for one.
   * @throws what log and blob store throw: then nothing is decided, and the next delivery adopts
   */
  async #onAssigned(assigned: Assigned, context: Pick<ReactorContext, 'signal'>): Promise<Outcome> {
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
      if (end.kind === 'executed') run.tellEnded(await this.#executed(assigned, end.data));
      if (end.kind === 'failed') {
        await this.#failed(assigned, end.failure);
        run.tellEnded(false);
      }
      running.recorded = end.kind !== 'dropped';
      this.#posted.delete(promptId);
      return DONE;
    } catch (error) {
      return waitForNewerBuild(error);
    } finally {
      this.#running.delete(promptId);
      resolve();
    }
  }

  /**
   * Stops an attempt, wherever it is, and answers for it unless it ended first. Goes on until the server has answered:
   * a prompt that was cancelled must not be left running.
   */
  async #onCancelOrdered(ordered: CancelOrdered, context: Pick<ReactorContext, 'signal'>): Promise<Outcome> {
    const { journal } = this.#options;
    const { attempt } = ordered.data;
    const { running, stopped } = await this.#halt(ordered, context);
    if (context.signal.aborted) return stopping();
    try {
      if (running?.recorded !== true && !(await journal.hasEnded(ordered.aggregateId, attempt))) {
        const later = 'The attempt was cancelled; ComfyUI does not answer, so its prompt is stopped as soon as it does';
        await this.#failed(
          ordered,
          failure('cancelled', 'cancelled', stopped ? 'The attempt was cancelled as ordered' : later),
        );
      }
    } catch (error) {
      return waitForNewerBuild(error);
    }
    return stopped ? DONE : notStopped();
  }

  /** Stops an attempt that was given up while nothing was heard of this executor. Nobody waits for an answer. */
  async #onAttemptLost(lost: AttemptLost, context: Pick<ReactorContext, 'signal'>): Promise<Outcome> {
    const { stopped } = await this.#halt(lost, context);
    if (context.signal.aborted) return stopping();
    return stopped ? DONE : notStopped();
  }

  /** Gives an order up: the attempt ends as `internal`, its dead letter. */
  async park(order: Order, error: unknown, deliveries: number): Promise<void> {
    const reason = messageOf(error);
    await this.#failed(order, failure('internal', 'parked', `Given up after ${deliveries} deliveries: ${reason}`));
  }

  /** @returns false when it had to be recorded as a failure, as it is more than the log takes */
  async #executed(assigned: Assigned, data: EventData<typeof JobExecutedV2>): Promise<boolean> {
    try {
      await this.#options.journal.executed(assigned, data);
    } catch (error) {
      if (!isProblem(error, 'event-too-large')) throw error;
      await this.#failed(assigned, tooManyOutputs(data.outputs.length));
      return false;
    }
    this.#options.observer?.executed();
    return true;
  }

  async #failed(order: Order, failed: Failure): Promise<void> {
    const { journal, observer, onGpuFault } = this.#options;
    if (failed.class === 'gpu-fault') await onGpuFault?.(order.data.promptId, failed.message);
    await journal.failed(order, failed);
    observer?.failed(failed.class);
  }

  /** Stops the prompt on the server and the run beside it. */
  async #halt(
    { data: { promptId } }: CancelOrdered | AttemptLost,
    { signal }: Pick<ReactorContext, 'signal'>,
  ): Promise<{ readonly running: Running | undefined; readonly stopped: boolean }> {
    const running = this.#running.get(promptId);
    running?.run.cancel();
    const stopped = await this.#stop(promptId);
    if (running !== undefined) await settled(running.finished, CANCEL_PATIENCE_MS, signal);
    return { running, stopped };
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

/** Tried again until the server has answered. */
function notStopped(): Outcome {
  return { kind: 'retry', error: new Error('ComfyUI does not answer'), delayMs: CANCEL_RETRY_MS };
}

/** Given back at once: the next life of the service goes on with it. */
function stopping(): Outcome {
  return { kind: 'retry', error: new Error('the executor is stopping'), delayMs: 0 };
}

/**
 * An order about an attempt that a newer build has worked on stays unacknowledged until such a build is here; parked, it
 * would fail an attempt that may run, or have run well.
 * @throws any other error
 */
function waitForNewerBuild(error: unknown): Outcome {
  if (isProblem(error, 'newer-contract')) return { kind: 'retry', error };
  throw error;
}

/** Waits for a promise, a time or a signal, whichever is first. */
async function settled(promise: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  const timer = new AbortController();
  const pause = delay(ms, undefined, { signal: AbortSignal.any([signal, timer.signal]) }).catch(() => undefined);
  await Promise.race([promise, pause]);
  timer.abort();
}
