import type { EventSink } from './events.js';
import { Execution, type ExecutionEnvironment } from './execution.js';
import { clientId, type ExecutionResult } from './execution-report.js';
import type { QueueItem } from './graph.js';
import type { History } from './history.js';
import { type FaultActions, PromptMoments } from './prompt-moments.js';
import type { PromptQueue } from './queue.js';

export interface WorkerEnvironment extends Omit<ExecutionEnvironment, 'isInterrupted' | 'onNode' | 'moments'> {
  readonly queue: PromptQueue;
  readonly history: History;
  readonly actions: Omit<FaultActions, 'muteEvents' | 'interrupt'>;
  /** Ends the whole process. */
  crash(): void;
}

/** The one thread of ComfyUI that executes everything. Whatever escapes from a prompt ends it for good. */
export class Worker {
  /** Of the prompt that runs or ran last; with `lastNodeId` it greets a client that reconnects. */
  currentClientId: string | null = null;
  lastNodeId: string | null = null;
  private interrupted = false;
  private stopped = false;
  private freeMemory = false;
  private readonly abandonment = new AbortController();
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

  /** Ends it as the end of the process does: nothing of the running prompt is kept. */
  stop(): void {
    this.stopped = true;
    this.interrupted = true;
    this.abandonment.abort();
    this.environment.queue.notify();
  }

  private async runPrompt(item: QueueItem): Promise<void> {
    const { queue, history, counters, faults } = this.environment;
    const promptId = item[1];
    this.interrupted = this.stopped;
    if (isUnhashable(item[3]['client_id'])) {
      // It happens in the loop that also answers, so the POST is answered first.
      await new Promise((resolve) => setImmediate(resolve));
      this.environment.crash();
      return;
    }
    this.currentClientId = clientId(item);
    counters.promptsExecuted[promptId] = (counters.promptsExecuted[promptId] ?? 0) + 1;
    const sink = new MutableSink(this.environment.sink);
    const { actions } = this.environment;
    const moments = new PromptMoments(faults, counters, this.abandonment.signal, {
      ...actions,
      muteEvents: () => sink.mute(),
      interrupt: () => this.interrupt(),
    });
    const execution = new Execution(item, {
      ...this.environment,
      sink,
      isInterrupted: () => this.interrupted,
      onNode: (nodeId) => {
        this.lastNodeId = nodeId;
      },
      moments,
    });
    const result = await execution.run();
    this.lastNodeId = null;
    // The gap in which a client has seen the success and history does not know the job yet.
    if (faults.historyDelayMs > 0) await moments.pause(faults.historyDelayMs);
    if (this.stopped) return;
    history.add({ prompt: item, ...result, ...this.lies(result) });
    queue.done(item);
    if (this.currentClientId !== null) {
      sink.send('executing', { node: null, prompt_id: promptId }, this.currentClientId);
    }
  }

  /** What history says instead of the truth. */
  private lies({ status, outputs }: ExecutionResult): Partial<Pick<ExecutionResult, 'status'>> {
    const { faults } = this.environment;
    if (faults.nanInHistory) {
      for (const [id, output] of Object.entries(outputs)) outputs[id] = { ...output, score: [Number.NaN] };
    }
    const isError = status.messages.at(-1)?.[0] === 'execution_error';
    return faults.statusLie && isError ? { status: { ...status, status_str: 'success', completed: true } } : {};
  }
}

/** What Python cannot look up in a dict. Of a `client_id` it kills the loop that sends events, and with it the server. */
function isUnhashable(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** The events of one prompt, until they are muted. */
class MutableSink implements EventSink {
  private isMuted = false;

  constructor(private readonly sink: EventSink) {}

  mute(): void {
    this.isMuted = true;
  }

  send(event: string, data: unknown, sid: string | null): void {
    if (!this.isMuted) this.sink.send(event, data, sid);
  }

  supportsPreviewMetadata(sid: string | null): boolean {
    return this.sink.supportsPreviewMetadata(sid);
  }

  sendBinary(frame: Buffer, sid: string | null): void {
    if (!this.isMuted) this.sink.sendBinary(frame, sid);
  }
}
