import type { Fingerprints, OutputCache } from './cache.js';
import { type Counters, count } from './counters.js';
import type { EventSink } from './events.js';
import { ExecutionOrder } from './execution-order.js';
import { clientId, ExecutionReport, type ExecutionResult } from './execution-report.js';
import { type Faults, takeNodeFailure } from './faults.js';
import type { Gpu } from './gpu.js';
import { type GraphNode, GrowingGraph, isLink, isRecord, type Link, type QueueItem } from './graph.js';
import { ExecutionInterrupted, NodeExecutionError } from './nodes/node-errors.js';
import type {
  NodeContext,
  NodeEnvironment,
  NodeExpansion,
  NodeInfo,
  NodeKind,
  NodeOutcome,
  NodeResult,
} from './nodes/node-kind.js';
import { type ExecutionBlocker, isValue, type NodeInputs } from './nodes/values.js';
import { ProgressReporter } from './progress.js';
import { gpuFault, type PromptMoments, WorkerDeath } from './prompt-moments.js';
import { spoilFiles } from './spoil-files.js';

/** What an execution shares with its server. */
export interface ExecutionEnvironment extends NodeEnvironment {
  readonly kinds: ReadonlyMap<string, NodeKind>;
  readonly sink: EventSink;
  readonly cache: OutputCache;
  readonly counters: Counters;
  readonly faults: Faults;
  readonly gpu: Gpu;
  readonly stepDelayMs: number;
  readonly previewMethod: string;
  isInterrupted(): boolean;
  /** The node that runs, told to a client that reconnects; null when none does. */
  onNode(nodeId: string | null): void;
  dropSockets(): void;
  /** Where the faults of a prompt strike. */
  readonly moments: PromptMoments;
}

/** How one turn of a node ended: with its result, with an error that ends the prompt, or waiting for others. */
type Turn = 'done' | 'failed' | 'waiting';

/** One prompt on its way through the worker. */
export class Execution {
  private readonly report: ExecutionReport;
  private readonly progress: ProgressReporter;
  private readonly sid: string | null;
  private readonly graph: GrowingGraph;
  private readonly infos = new Map<string, NodeInfo>();
  /** Results of nodes that others added. */
  private readonly addedResults = new Map<string, NodeResult>();
  /** Nodes that wait for those in their place: whose outputs will be theirs. */
  private readonly expanded = new Map<string, readonly Link[]>();
  /** What asynchronous nodes came to, once they have. */
  private readonly settled = new Map<string, () => NodeOutcome>();
  private hasEnded = false;
  private socketsDropped = false;
  private lastId: string | undefined;
  /** Ends when the node may go on. */
  private stall = Promise.resolve();

  constructor(
    private readonly item: QueueItem,
    private readonly environment: ExecutionEnvironment,
  ) {
    this.sid = clientId(item);
    this.graph = new GrowingGraph(item[2]);
    this.report = new ExecutionReport(item, this.graph, environment.sink);
    this.progress = new ProgressReporter(environment.sink, this.promptId, this.sid, (id) => this.graph.place(id));
  }

  private get promptId(): string {
    return this.item[1];
  }

  /** Runs all outputs. @throws whatever happens outside a node: that is what ends a real server's only worker. */
  async run(): Promise<ExecutionResult> {
    const [, , graph, , outputs] = this.item;
    const { cache } = this.environment;
    this.report.announce('execution_start', {});
    cache.begin(graph, await this.fingerprints());
    const cached = Object.keys(graph).filter((id) => cache.get(id) !== undefined);
    this.report.announce('execution_cached', { nodes: cached });
    const order = new ExecutionOrder(
      {
        inputs: (id) => this.graph.node(id).inputs,
        isCached: (id) => this.result(id) !== undefined,
        isOutput: (id) => this.info(id).output_node,
        isAsync: (id) => this.kind(id).isAsync === true,
        isLazy: (id, input) => this.isLazy(id, input),
      },
      outputs,
    );
    const success = await this.runAll(order);
    this.hasEnded = true;
    return this.report.result(success);
  }

  /** @returns what `status_str` says, which is a success even after a cycle: only a node's failure makes it one */
  private async runAll(order: ExecutionOrder): Promise<boolean> {
    while (!order.isEmpty) {
      const next = await order.next();
      if (typeof next !== 'string') {
        this.report.cycle(next.cycle);
        return true;
      }
      this.lastId = next;
      // Asked again here: a node may equal one that ran a moment ago.
      const turn = this.result(next) === undefined ? await this.execute(next, order) : this.replay(next);
      if (turn === 'failed') return false;
      if (turn === 'done') order.done(next);
    }
    if (!(await this.reachEnd())) return false;
    this.report.announce('execution_success', {});
    return true;
  }

  /** A cached output node tells its old output again and nothing else happens. */
  private replay(id: string): Turn {
    const ui = this.result(id)?.ui;
    if (ui !== undefined) this.report.output(id, ui);
    this.progress.finish(id);
    return 'done';
  }

  private async execute(id: string, order: ExecutionOrder): Promise<Turn> {
    let inputs: NodeInputs = {};
    let outcome: NodeOutcome | undefined;
    try {
      const settled = this.settled.get(id);
      if (this.expanded.has(id)) {
        outcome = this.standIns(id);
      } else if (settled !== undefined) {
        outcome = settled();
      } else {
        this.announceNode(id);
        inputs = this.resolveInputs(id);
        if (this.asksForLazyInputs(id, inputs, order)) return 'waiting';
        const blocker = Object.values(inputs).find((value) => isValue(value, 'BLOCKER'));
        outcome = blocker === undefined ? await this.start(id, inputs, order) : this.blocked(id, blocker);
        if (outcome === undefined) return 'waiting';
      }
    } catch (error) {
      if (error instanceof WorkerDeath) throw error;
      if (isOutOfMemory(error)) this.environment.gpu.unloadModels();
      this.report.failure(id, inputs, error);
      return 'failed';
    }
    if ('expand' in outcome) {
      this.expand(id, outcome, order);
      return 'waiting';
    }
    this.keep(id, outcome);
    if (outcome.ui !== undefined) {
      await spoilFiles(this.environment.faults, outcome.ui, this.environment.directories);
      this.report.output(id, outcome.ui);
    }
    this.report.executed.add(id);
    this.progress.finish(id);
    return 'done';
  }

  private announceNode(id: string): void {
    const { displayId } = this.graph.place(id);
    this.environment.onNode(displayId);
    this.progress.start(id);
    if (this.sid === null) return;
    const data = { node: id, display_node: displayId, prompt_id: this.promptId };
    this.environment.sink.send('executing', data, this.sid);
  }

  /** @returns undefined when the node is asynchronous and has not finished at once */
  private async start(id: string, inputs: NodeInputs, order: ExecutionOrder): Promise<NodeOutcome | undefined> {
    const { counters, moments } = this.environment;
    const context = this.context(id);
    context.throwIfInterrupted();
    await moments.reach(order.isAtLast ? 'middle' : 'start');
    context.throwIfInterrupted();
    this.failIfAsked(id);
    counters.nodesExecuted += 1;
    count(counters.nodesByClass, this.graph.node(id).class_type);
    const kind = this.kind(id);
    if (kind.isAsync !== true) {
      const outcome = await kind.execute(inputs, context);
      await this.stall;
      if (order.isAtLast && !('expand' in outcome)) await moments.reach('end');
      if (moments.isAbandoned) throw new ExecutionInterrupted();
      return outcome;
    }
    const happened = order.waitOutside(id);
    void Promise.resolve(kind.execute(inputs, context)).then(
      (outcome) => {
        this.settled.set(id, () => outcome);
        happened();
      },
      (error: unknown) => {
        this.settled.set(id, () => {
          throw error;
        });
        happened();
      },
    );
    return undefined;
  }

  private asksForLazyInputs(id: string, inputs: NodeInputs, order: ExecutionOrder): boolean {
    const wanted = this.kind(id).lazyInputs?.(inputs) ?? [];
    const links = wanted.map((name) => this.graph.node(id).inputs[name]).filter(isLink);
    const missing = links.filter(([source]) => this.result(source) === undefined);
    for (const [source] of missing) order.waitFor(id, source);
    return missing.length > 0;
  }

  /** Nothing runs behind a blocker. */
  private blocked(id: string, { message }: ExecutionBlocker): NodeResult {
    if (message !== null) this.report.blocked(id, message);
    return { outputs: this.info(id).output.map(() => ({ type: 'BLOCKER', message: null })) };
  }

  private expand(id: string, { expand, outputs }: NodeExpansion, order: ExecutionOrder): void {
    this.graph.add(id, expand);
    for (const added of Object.keys(expand)) if (this.info(added).output_node) order.add(added);
    for (const [source] of outputs) order.waitFor(id, source);
    this.expanded.set(id, outputs);
  }

  /** The outputs of the nodes that ran in a node's place. */
  private standIns(id: string): NodeResult {
    const links = this.expanded.get(id) ?? [];
    const outputs = links.map(([source, slot]) => {
      const value = this.result(source)?.outputs.at(slot);
      if (value === undefined) throw new NodeExecutionError('KeyError', `'${source}'`);
      return value;
    });
    return { outputs };
  }

  /** Of a prompt in which no node ran: its faults strike the last one that was told again. */
  private async reachEnd(): Promise<boolean> {
    try {
      await this.environment.moments.reach('end');
      return true;
    } catch (error) {
      if (error instanceof WorkerDeath || this.lastId === undefined) throw error;
      this.report.failure(this.lastId, {}, error);
      return false;
    }
  }

  private failIfAsked(id: string): void {
    if (this.environment.faults.gpuFault) throw gpuFault();
    const failure = takeNodeFailure(this.environment.faults, this.graph.node(id).class_type);
    if (failure !== undefined) throw new NodeExecutionError(failure.exception_type, failure.message);
  }

  private context(id: string): NodeContext {
    const { environment, item } = this;
    const [, , graph, extraData] = item;
    const { extra_pnginfo: extraPnginfo, preview_method: asked } = extraData;
    const previewMethod = typeof asked === 'string' && asked !== 'default' ? asked : environment.previewMethod;
    const throwIfInterrupted = (): void => {
      // A node that still runs when the prompt has ended has nobody to report to.
      if (this.hasEnded || environment.isInterrupted()) throw new ExecutionInterrupted();
    };
    return {
      nodeId: id,
      graph,
      extraPnginfo: isRecord(extraPnginfo) ? extraPnginfo : {},
      directories: environment.directories,
      modelFiles: environment.modelFiles,
      stepDelayMs: environment.stepDelayMs,
      gpu: environment.gpu,
      wantsPreviews: previewMethod !== 'none',
      throwIfInterrupted,
      pause: (ms) => environment.moments.pause(ms),
      countSamplerRun: () => {
        environment.counters.samplerRuns += 1;
      },
      sendText: (text) => this.progress.text(id, text),
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

  /** What the nodes say about their files and moods; one that cannot say counts as changed. */
  private async fingerprints(): Promise<Fingerprints> {
    const said = new Map<string, string | number>();
    for (const [id, node] of Object.entries(this.item[2])) {
      const kind = this.environment.kinds.get(node.class_type);
      if (kind?.fingerprint === undefined) continue;
      try {
        said.set(id, await kind.fingerprint(node.inputs, this.environment));
      } catch {
        said.set(id, Number.NaN);
      }
    }
    return said;
  }

  private resolveInputs(id: string): NodeInputs {
    const entries = Object.entries(this.graph.node(id).inputs).map(([name, value]): [string, unknown] => {
      if (!isLink(value)) return [name, value];
      return [name, this.result(value[0])?.outputs.at(value[1])];
    });
    return Object.fromEntries(entries);
  }

  private result(id: string): NodeResult | undefined {
    return this.addedResults.get(id) ?? this.environment.cache.get(id);
  }

  private keep(id: string, result: NodeResult): void {
    if (this.graph.isAdded(id)) this.addedResults.set(id, result);
    else this.environment.cache.set(id, result);
  }

  private isLazy(id: string, input: string): boolean {
    const { required, optional } = this.info(id).input;
    return (required?.[input] ?? optional?.[input])?.[1]?.['lazy'] === true;
  }

  private info(id: string): NodeInfo {
    const known = this.infos.get(id) ?? this.kind(id).info(this.environment);
    this.infos.set(id, known);
    return known;
  }

  private kind(id: string): NodeKind {
    const node: GraphNode = this.graph.node(id);
    const kind = this.environment.kinds.get(node.class_type);
    if (kind === undefined) throw new TypeError(`no node class ${node.class_type}`);
    return kind;
  }
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof NodeExecutionError && error.exceptionType === 'torch.OutOfMemoryError';
}
