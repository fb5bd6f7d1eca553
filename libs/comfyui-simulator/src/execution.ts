import type { OutputCache } from './cache.js';
import type { Counters } from './counters.js';
import type { EventSink, StatusMessage } from './events.js';
import { ExecutionOrder } from './execution-order.js';
import { type Faults, takeNodeFailure } from './faults.js';
import { isLink, isRecord, type QueueItem } from './graph.js';
import type { HistoryStatus, NodeMeta, Outputs } from './history.js';
import { ExecutionInterrupted, NodeExecutionError } from './nodes/node-errors.js';
import type { Directories, NodeContext, NodeEnvironment, NodeKind, NodeResult } from './nodes/node-kind.js';
import type { NodeInputs } from './nodes/values.js';
import { insertionOrdered } from './ordered-record.js';
import { ProgressReporter } from './progress.js';
import { type PromptMoments, WorkerDeath, gpuFault } from './prompt-moments.js';
import { pythonStr } from './python-json.js';
import { tearFiles } from './torn-files.js';

/** What an execution shares with its server. */
export interface ExecutionEnvironment extends NodeEnvironment {
  readonly kinds: ReadonlyMap<string, NodeKind>;
  readonly sink: EventSink;
  readonly cache: OutputCache;
  readonly counters: Counters;
  readonly faults: Faults;
  readonly directories: Directories;
  readonly stepDelayMs: number;
  readonly maxBatchPixels: number;
  readonly previewMethod: string;
  isInterrupted(): boolean;
  /** The node that runs, told to a client that reconnects; null when none does. */
  onNode(nodeId: string | null): void;
  dropSockets(): void;
  /** Where the faults of a prompt strike. */
  readonly moments: PromptMoments;
}

/** What history keeps of a finished execution. */
export interface ExecutionResult {
  readonly outputs: Outputs;
  readonly status: HistoryStatus;
  readonly meta: Readonly<Record<string, NodeMeta>>;
}

/** One prompt on its way through the worker. */
export class Execution {
  private readonly messages: StatusMessage[] = [];
  private readonly outputs: Outputs = insertionOrdered();
  private readonly meta = insertionOrdered<NodeMeta>();
  private readonly executed = new Set<string>();
  private readonly progress: ProgressReporter;
  private readonly sid: string | null;
  private socketsDropped = false;
  private lastId: string | undefined;
  /** Ends when the node may go on. */
  private stall = Promise.resolve();

  constructor(
    private readonly item: QueueItem,
    private readonly environment: ExecutionEnvironment,
  ) {
    this.sid = clientId(item);
    this.progress = new ProgressReporter(environment.sink, this.promptId, this.sid);
  }

  private get promptId(): string {
    return this.item[1];
  }

  /** Runs all outputs. @throws whatever happens outside a node: that is what ends a real server's only worker. */
  async run(): Promise<ExecutionResult> {
    const [, , graph, , outputs] = this.item;
    const { cache } = this.environment;
    this.announce('execution_start', {});
    cache.begin(graph);
    const cached = Object.keys(graph).filter((id) => cache.get(id) !== undefined);
    this.announce('execution_cached', { nodes: cached });
    const isOutput = (id: string): boolean => this.kind(id).info(this.environment).output_node;
    const order = new ExecutionOrder(graph, outputs, (id) => cached.includes(id), isOutput);
    let success = true;
    for (let id = order.next(); id !== undefined && success; id = order.next()) {
      // Asked again here: a node may equal one that ran a moment ago.
      this.lastId = id;
      success = cache.get(id) === undefined ? await this.execute(id, order.isEmpty) : this.replay(id);
    }
    if (success) success = await this.reachEnd();
    if (success) this.announce('execution_success', {});
    const status: HistoryStatus = {
      status_str: success ? 'success' : 'error',
      completed: success,
      messages: this.messages,
    };
    return { outputs: this.outputs, status, meta: this.meta };
  }

  /** A cached output node tells its old output again and nothing else happens. */
  private replay(id: string): true {
    const ui = this.environment.cache.get(id)?.ui;
    if (ui !== undefined) this.publishOutput(id, ui);
    this.progress.finish(id);
    return true;
  }

  /** @returns false when the prompt has ended here, by error or interruption */
  private async execute(id: string, isLast: boolean): Promise<boolean> {
    const { sink, cache, counters, moments } = this.environment;
    this.environment.onNode(id);
    this.progress.start(id);
    if (this.sid !== null) {
      sink.send('executing', { node: id, display_node: id, prompt_id: this.promptId }, this.sid);
    }
    const inputs = this.resolveInputs(id);
    let result: NodeResult;
    try {
      const context = this.context(id);
      context.throwIfInterrupted();
      await moments.reach(isLast ? 'middle' : 'start');
      context.throwIfInterrupted();
      this.failIfAsked(id);
      counters.nodesExecuted += 1;
      result = await this.kind(id).execute(inputs, context);
      await this.stall;
      if (isLast) await moments.reach('end');
      if (moments.isAbandoned) throw new ExecutionInterrupted();
    } catch (error) {
      if (error instanceof WorkerDeath) throw error;
      this.announceFailure(id, inputs, error);
      return false;
    }
    cache.set(id, result);
    if (result.ui !== undefined) {
      await tearFiles(this.environment.faults, result.ui, this.environment.directories);
      this.publishOutput(id, result.ui);
    }
    this.executed.add(id);
    this.progress.finish(id);
    return true;
  }

  private publishOutput(id: string, ui: NonNullable<NodeResult['ui']>): void {
    this.outputs[id] = ui;
    this.meta[id] = { node_id: id, display_node: id, parent_node: null, real_node_id: id };
    if (this.sid === null) return;
    const data = { node: id, display_node: id, output: ui, prompt_id: this.promptId };
    this.environment.sink.send('executed', data, this.sid);
  }

  /** Of a prompt in which no node ran: its faults strike the last one that was told again. */
  private async reachEnd(): Promise<boolean> {
    try {
      await this.environment.moments.reach('end');
      return true;
    } catch (error) {
      if (error instanceof WorkerDeath || this.lastId === undefined) throw error;
      this.announceFailure(this.lastId, {}, error);
      return false;
    }
  }

  private failIfAsked(id: string): void {
    if (this.environment.faults.gpuFault) throw gpuFault();
    const failure = takeNodeFailure(this.environment.faults, this.node(id).class_type);
    if (failure !== undefined) throw new NodeExecutionError(failure.exception_type, failure.message);
  }

  private announceFailure(id: string, inputs: NodeInputs, error: unknown): void {
    const evidence = {
      prompt_id: this.promptId,
      node_id: id,
      node_type: this.node(id).class_type,
      executed: [...this.executed],
    };
    if (error instanceof ExecutionInterrupted) {
      this.announce('execution_interrupted', evidence, true);
      return;
    }
    const type = error instanceof NodeExecutionError ? error.exceptionType : 'RuntimeError';
    const message = error instanceof Error ? error.message : String(error);
    const { cache } = this.environment;
    this.announce('execution_error', {
      ...evidence,
      exception_message: `${message}\n`,
      exception_type: type,
      traceback: [`  File "comfyui-simulator", in execute\n    raise ${type}\n`],
      current_inputs: Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, [describe(value)]])),
      current_outputs: Object.keys(this.item[2]).filter((nodeId) => cache.get(nodeId) !== undefined),
    });
  }

  /** `execution_*`: kept for history, sent to the prompt's client or, where ComfyUI broadcasts, to everybody. */
  private announce(event: string, details: Readonly<Record<string, unknown>>, broadcast = false): void {
    const data = { ...details, prompt_id: this.promptId, timestamp: Date.now() };
    this.messages.push([event, data]);
    if (this.sid !== null || broadcast) this.environment.sink.send(event, data, this.sid);
  }

  private context(id: string): NodeContext {
    const { environment, item } = this;
    const [, , graph, extraData] = item;
    const { extra_pnginfo: extraPnginfo, preview_method: asked } = extraData;
    const previewMethod = typeof asked === 'string' && asked !== 'default' ? asked : environment.previewMethod;
    const throwIfInterrupted = (): void => {
      if (environment.isInterrupted()) throw new ExecutionInterrupted();
    };
    return {
      graph,
      extraPnginfo: isRecord(extraPnginfo) ? extraPnginfo : {},
      directories: environment.directories,
      stepDelayMs: environment.stepDelayMs,
      maxBatchPixels: environment.maxBatchPixels,
      wantsPreviews: previewMethod !== 'none',
      throwIfInterrupted,
      countSamplerRun: () => {
        environment.counters.samplerRuns += 1;
      },
      progress: (value, max, preview) => {
        throwIfInterrupted();
        this.progress.tick(id, value, max, preview);
        this.dropSocketsIfAsked(value, max);
        const stall = environment.moments.tick(value, max);
        if (stall !== undefined) this.stall = stall;
        throwIfInterrupted();
        return this.stall;
      },
    };
  }

  private dropSocketsIfAsked(value: number, max: number): void {
    const percent = this.environment.faults.dropSocketAtPercent;
    if (percent === null || this.socketsDropped || (100 * value) / max < percent) return;
    this.socketsDropped = true;
    this.environment.dropSockets();
  }

  private resolveInputs(id: string): NodeInputs {
    const { cache } = this.environment;
    const entries = Object.entries(this.node(id).inputs).map(([name, value]): [string, unknown] => {
      if (!isLink(value)) return [name, value];
      return [name, cache.get(value[0])?.outputs.at(value[1])];
    });
    return Object.fromEntries(entries);
  }

  private node(id: string): QueueItem[2][string] {
    const node = this.item[2][id];
    if (node === undefined) throw new TypeError(`no node ${id}`);
    return node;
  }

  private kind(id: string): NodeKind {
    const kind = this.environment.kinds.get(this.node(id).class_type);
    if (kind === undefined) throw new TypeError(`no node class ${this.node(id).class_type}`);
    return kind;
  }
}

/** The socket a prompt reports to; null when it named none, which is not the same as naming the empty one. */
export function clientId(item: QueueItem): string | null {
  const id = item[3]['client_id'];
  if (id === undefined || id === null) return null;
  // A number is accepted, but sockets have texts for ids, so it reaches nobody.
  return typeof id === 'string' ? id : '';
}

/** Linked values are shown by their type, where the real server prints whole tensors. */
function describe(value: unknown): string {
  return isRecord(value) && typeof value['type'] === 'string' ? `<simulated ${value['type']}>` : pythonStr(value);
}
