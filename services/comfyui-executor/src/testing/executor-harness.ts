import { randomUUID } from 'node:crypto';
import type { EventContract, ExecutorHeartbeat } from '@anime/contracts';
import { ExecutorEnvironmentChangedV1, ExecutorHeartbeatV1 } from '@anime/contracts';
import { isEvent, type EventOf, type RecordedEvent } from '@anime/event-store';
import type { WorkerLimits } from '../domain/attempt/worker.js';
import { subscribeLive, type Outcome } from '@anime/messaging';
import { createLogger } from '@anime/service-runtime';
import { eventually } from '@anime/testing';
import type { Order } from '../attempt/attempt-journal.js';
import { Executor } from '../executor/executor.js';
import { JobLog } from './job-log.js';
import type { RunnerHarness } from './runner-harness.js';

export interface ExecutorLifeOptions {
  readonly limits?: Partial<WorkerLimits>;
  /** A name that an earlier life had; a new one when left out. */
  readonly name?: string;
}

/** A whole executor on one server, without the consumer that brings its orders. */
export class ExecutorLife implements AsyncDisposable {
  readonly executor: Executor;
  readonly jobs: JobLog;
  readonly heartbeats: ExecutorHeartbeat[] = [];
  readonly #harness: RunnerHarness;
  readonly #drain = new AbortController();

  private constructor(harness: RunnerHarness, url: string, { limits, name }: ExecutorLifeOptions) {
    this.#harness = harness;
    this.executor = new Executor({
      server: { name: name ?? `test-${randomUUID()}`, url },
      studio: 'studio',
      log: harness.log,
      blobs: harness.blobs,
      claim: randomUUID(),
      logger: createLogger('test', { level: 'silent' }),
      limits,
    });
    this.jobs = new JobLog(harness.log, this.executor.id);
  }

  /** Starts one and waits until it could take orders. */
  static async start(harness: RunnerHarness, url: string, options: ExecutorLifeOptions = {}): Promise<ExecutorLife> {
    const life = new ExecutorLife(harness, url, options);
    subscribeLive(await harness.log.connected(), ExecutorHeartbeatV1, (heartbeat) => life.heartbeats.push(heartbeat), {
      params: { executorId: life.executor.id },
    });
    life.executor.start();
    await eventually(() => life.executor.check().ok, { what: 'it holds the executor and watches its server' });
    return life;
  }

  run(order: Order): Promise<Outcome> {
    return this.executor.runner.onOrder(order, { signal: this.#drain.signal });
  }

  /** Types of the executor's own events, in order; its environments have tests of their own. */
  async trail(): Promise<string[]> {
    const types: string[] = [];
    for await (const entry of this.#harness.log.readAggregate('executor', this.executor.id))
      if (entry.status === 'event' && !isEvent(entry.event, ExecutorEnvironmentChangedV1))
        types.push(entry.event.type.replace('executor.', ''));
    return types;
  }

  /** Its newest event of this contract. */
  async last<C extends EventContract>(contract: C): Promise<(EventOf<C> & RecordedEvent) | undefined> {
    let last: (EventOf<C> & RecordedEvent) | undefined;
    for await (const entry of this.#harness.log.readAggregate('executor', this.executor.id))
      if (entry.status === 'event' && isEvent(entry.event, contract)) last = entry.event;
    return last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#drain.signal.aborted) return;
    this.#drain.abort();
    await this.executor.stop();
  }
}
