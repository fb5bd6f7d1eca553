import type { EventSink, StatusMessage } from './events.js';
import { type GrowingGraph, isRecord, type QueueItem } from './graph.js';
import type { HistoryStatus, NodeMeta, Outputs } from './history.js';
import { ExecutionInterrupted, NodeExecutionError } from './nodes/node-errors.js';
import type { NodeResult } from './nodes/node-kind.js';
import type { NodeInputs } from './nodes/values.js';
import { insertionOrdered } from './ordered-record.js';
import { pythonStr } from './python-json.js';

/** What history keeps of a finished execution. */
export interface ExecutionResult {
  readonly outputs: Outputs;
  readonly status: HistoryStatus;
  readonly meta: Readonly<Record<string, NodeMeta>>;
}

/** What is told of one execution, to its client at once and to history in the end. */
export class ExecutionReport {
  readonly executed = new Set<string>();
  private readonly messages: StatusMessage[] = [];
  private readonly outputs: Outputs = insertionOrdered();
  private readonly meta = insertionOrdered<NodeMeta>();
  private readonly sid: string | null;

  constructor(
    private readonly item: QueueItem,
    private readonly graph: GrowingGraph,
    private readonly sink: EventSink,
  ) {
    this.sid = clientId(item);
  }

  /** `execution_*`: kept for history, sent to the prompt's client or, where ComfyUI broadcasts, to everybody. */
  announce(event: string, details: Readonly<Record<string, unknown>>, broadcast = false): void {
    const data = { ...details, prompt_id: this.promptId, timestamp: Date.now() };
    this.messages.push([event, data]);
    if (this.sid !== null || broadcast) this.sink.send(event, data, this.sid);
  }

  output(id: string, ui: NonNullable<NodeResult['ui']>): void {
    const { displayId, parentId, realId } = this.graph.place(id);
    this.outputs[id] = ui;
    this.meta[id] = { node_id: id, display_node: displayId, parent_node: parentId, real_node_id: realId };
    if (this.sid === null) return;
    const data = { node: id, display_node: displayId, output: ui, prompt_id: this.promptId };
    this.sink.send('executed', data, this.sid);
  }

  failure(id: string, inputs: NodeInputs, error: unknown): void {
    const { realId } = this.graph.place(id);
    const nodeType = this.graph.node(realId).class_type;
    const evidence = { prompt_id: this.promptId, node_id: realId, node_type: nodeType, executed: [...this.executed] };
    if (error instanceof ExecutionInterrupted) {
      this.announce('execution_interrupted', evidence, true);
      return;
    }
    const type = error instanceof NodeExecutionError ? error.exceptionType : 'RuntimeError';
    const message = error instanceof Error ? error.message : String(error);
    this.announce('execution_error', {
      ...evidence,
      exception_message: `${message}\n`,
      exception_type: type,
      traceback: [`  File "comfyui-simulator", in execute\n    raise ${type}\n`],
      current_inputs: Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, [describe(value)]])),
      current_outputs: Object.keys(this.item[2]),
    });
  }

  /** The first node of the cycle that another one added is blamed on the node of the graph that stands behind it. */
  cycle(cycle: readonly string[]): void {
    const blamed = cycle.find((id) => this.graph.isAdded(id)) ?? cycle[0] ?? '';
    const { realId } = this.graph.place(blamed);
    this.announce('execution_error', {
      prompt_id: this.promptId,
      node_id: realId,
      node_type: this.graph.node(realId).class_type,
      executed: [...this.executed],
      exception_message: 'Dependency cycle detected',
      exception_type: 'graph.DependencyCycleError',
      traceback: [],
      current_inputs: [],
      current_outputs: Object.keys(this.item[2]),
    });
  }

  /** A blocker with a message is told as an error that is none: no time, not in history, and the prompt goes on. */
  blocked(id: string, message: string): void {
    if (this.sid === null) return;
    const data = {
      prompt_id: this.promptId,
      node_id: id,
      node_type: this.graph.node(id).class_type,
      executed: [...this.executed],
      exception_message: `Execution Blocked: ${message}`,
      exception_type: 'ExecutionBlocked',
      traceback: [],
      current_inputs: [],
      current_outputs: [],
    };
    this.sink.send('execution_error', data, this.sid);
  }

  result(success: boolean): ExecutionResult {
    const status: HistoryStatus = {
      status_str: success ? 'success' : 'error',
      completed: success,
      messages: this.messages,
    };
    return { outputs: this.outputs, status, meta: this.meta };
  }

  private get promptId(): string {
    return this.item[1];
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
