import {
  JobAcceptedV3,
  JobAssignedV2,
  JobAttemptLostV1,
  JobCancelOrderedV1,
  JobStartedV2,
  type ApiGraph,
  type EventContract,
  type EventData,
} from '@anime/contracts';
import {
  isEvent,
  promptIdOf,
  spillBody,
  uuidv7,
  type BodyBlobs,
  type EventLog,
  type RecordedEvent,
} from '@anime/event-store';
import { graphHash } from '@anime/workflow-engine';
import type { Assigned, AttemptLost, CancelOrdered } from '../attempt/attempt-journal.js';
import { imageGraph, IMAGE_OUTPUTS, IMAGE_WEIGHTS } from './graphs.js';

export interface AcceptOptions {
  readonly graph?: ApiGraph;
  readonly outputs?: EventData<typeof JobAcceptedV3>['outputs'];
  readonly blobs?: BodyBlobs;
  readonly inputs?: EventData<typeof JobAcceptedV3>['inputs'];
  readonly maxRunSeconds?: number;
}

export interface AssignOptions {
  /** Of the GPU, in 10^9 bytes; 1 when left out. */
  readonly vramGb?: number;
  readonly freeMemory?: boolean;
}

/** Writes what the orchestrator would, and reads what the executor wrote. */
export class JobLog {
  constructor(
    readonly log: EventLog,
    readonly executorId: string,
  ) {}

  /** @returns the new job's id */
  async accept(options: AcceptOptions = {}): Promise<string> {
    const jobId = uuidv7();
    const graph = options.graph ?? imageGraph();
    const outputs = options.outputs ?? IMAGE_OUTPUTS;
    const body = options.blobs === undefined ? { inline: graph } : await spillBody(graph, options.blobs);
    await this.#append(JobAcceptedV3, jobId, {
      type: 'image',
      template: { id: 'text-to-image', version: 1 },
      parameters: {},
      seed: 1,
      project: null,
      variants: [{ name: 'normal', graph: body, graphHash: graphHash(graph, outputs), vramGb: 1 }],
      outputs,
      progress: IMAGE_WEIGHTS,
      metricSet: 'classical',
      layout: { title: 'a cat', requestedAt: '2026-01-01T00:00:00.000Z' },
      maxAttempts: 3,
      inputs: options.inputs ?? [],
      maxRunSeconds: options.maxRunSeconds ?? null,
    });
    return jobId;
  }

  async assign(jobId: string, attempt = 1, { vramGb = 1, freeMemory = false }: AssignOptions = {}): Promise<Assigned> {
    await this.#append(JobAssignedV2, jobId, {
      attempt,
      executorId: this.executorId,
      promptId: promptIdOf(jobId, attempt),
      variant: 'normal',
      vramGb,
      freeMemory,
    });
    const event = await this.#lastOrder(jobId);
    if (!isEvent(event, JobAssignedV2)) throw new Error(`the last order is ${event.type}`);
    return event;
  }

  async orderCancel(jobId: string, attempt = 1): Promise<CancelOrdered> {
    await this.#append(JobCancelOrderedV1, jobId, {
      attempt,
      executorId: this.executorId,
      promptId: promptIdOf(jobId, attempt),
    });
    const event = await this.#lastOrder(jobId);
    if (!isEvent(event, JobCancelOrderedV1)) throw new Error(`the last order is ${event.type}`);
    return event;
  }

  /** Gives an attempt up, as when nothing is heard of its executor. */
  async loseAttempt(jobId: string, attempt = 1): Promise<AttemptLost> {
    const { executorId } = this;
    await this.#append(JobAttemptLostV1, jobId, { attempt, executorId, promptId: promptIdOf(jobId, attempt) });
    const event = await this.#lastOrder(jobId);
    if (!isEvent(event, JobAttemptLostV1)) throw new Error(`the last order is ${event.type}`);
    return event;
  }

  /** A claim of a process that no longer lives. */
  async startedBy(claim: string, jobId: string, attempt = 1): Promise<void> {
    await this.#append(JobStartedV2, jobId, {
      attempt,
      executorId: this.executorId,
      promptId: promptIdOf(jobId, attempt),
      claim,
      environment: null,
    });
  }

  /** What executors recorded about the job, in order. */
  async facts(jobId: string): Promise<RecordedEvent[]> {
    const facts: RecordedEvent[] = [];
    for await (const entry of this.log.readAggregate('job', jobId)) {
      if (entry.status !== 'event') throw new Error(`position ${entry.position} is ${entry.status}`);
      if (entry.event.producer === 'comfyui-executor') facts.push(entry.event);
    }
    return facts;
  }

  /** Types of the recorded facts, without `job.`. */
  async trail(jobId: string): Promise<string[]> {
    return (await this.facts(jobId)).map((event) => event.type.replace('job.', ''));
  }

  /** The data of the job's first fact of this contract. */
  async fact<C extends EventContract>(contract: C, jobId: string): Promise<EventData<C>> {
    const event = (await this.facts(jobId)).find((candidate) => isEvent(candidate, contract));
    if (event === undefined || !isEvent(event, contract)) throw new Error(`no ${contract.name} of job ${jobId}`);
    return event.data as EventData<C>;
  }

  async #append<C extends EventContract>(contract: C, jobId: string, data: EventData<C>): Promise<void> {
    const meta = { id: uuidv7(), time: new Date().toISOString(), correlationId: jobId, actor: 'service:orchestrator' };
    await this.log.append({ contract, aggregateId: jobId, data, ...meta });
  }

  async #lastOrder(jobId: string): Promise<RecordedEvent> {
    const entry = await this.log.lastOnSubject(JobAssignedV2, jobId, this.executorId);
    if (entry?.status !== 'event') throw new Error(`no order for job ${jobId}`);
    return entry.event;
  }
}
