import { setTimeout as delay } from 'node:timers/promises';
import { Execution, type ExecutionEnvironment } from './execution.js';
import { clientId } from './execution-report.js';
import type { QueueItem } from './graph.js';
import type { History } from './history.js';
import type { PromptQueue } from './queue.js';

export interface WorkerEnvironment extends Omit<ExecutionEnvironment, 'isInterrupted' | 'onNode'> {
  readonly queue: PromptQueue;
  readonly history: History;
}

/** The one thread of ComfyUI that executes everything. Whatever escapes from a prompt ends it for good. */
export class Worker {
  /** Of the prompt that runs or ran last; with `lastNodeId` it greets a client that reconnects. */
  currentClientId: string | null = null;
  lastNodeId: string | null = null;
  private interrupted = false;
  private stopped = false;
  private freeMemory = false;
  private unloadModels = false;

  constructor(private readonly environment: WorkerEnvironment) {}

  /** Runs until `stop`, or until something escapes: then HTTP goes on answering and nothing runs any more. */
  async run(): Promise<void> {
    const { queue, faults, cache, gpu } = this.environment;
    while (!this.stopped) {
      if (this.freeMemory) cache.clear();
      if (this.unloadModels) gpu.unloadModels();
      this.freeMemory = false;
      this.unloadModels = false;
      const item = faults.zombieWorker ? undefined : queue.take();
      if (item === undefined) await queue.waitForWork();
      else await this.runPrompt(item);
    }
  }

  /** Honoured at node starts and progress ticks of the running prompt; while idle it does nothing. */
  interrupt(): void {
    this.interrupted = true;
  }

  /** As soon as no prompt runs: drops the cache, takes the models out of video memory. */
  free({ memory, models }: { readonly memory: boolean; readonly models: boolean }): void {
    this.freeMemory ||= memory;
    this.unloadModels ||= models;
    this.environment.queue.notify();
  }

  stop(): void {
    this.stopped = true;
    this.interrupted = true;
    this.environment.queue.notify();
  }

  private async runPrompt(item: QueueItem): Promise<void> {
    const { queue, history, sink, counters, faults } = this.environment;
    const promptId = item[1];
    this.interrupted = this.stopped;
    this.currentClientId = clientId(item);
    counters.promptsExecuted[promptId] = (counters.promptsExecuted[promptId] ?? 0) + 1;
    const execution = new Execution(item, {
      ...this.environment,
      isInterrupted: () => this.interrupted,
      onNode: (nodeId) => {
        this.lastNodeId = nodeId;
      },
    });
    const result = await execution.run();
    this.lastNodeId = null;
    // The gap in which a client has seen the success and history does not know the job yet.
    if (faults.historyDelayMs > 0) await delay(faults.historyDelayMs);
    history.add({ prompt: item, ...result });
    queue.done(item);
    if (this.currentClientId !== null) {
      sink.send('executing', { node: null, prompt_id: promptId }, this.currentClientId);
    }
  }
}
