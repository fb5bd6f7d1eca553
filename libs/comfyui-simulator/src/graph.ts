/** ComfyUI "API format" graph: what POST /prompt carries and what a PNG's `prompt` text chunk holds. */
export interface GraphNode {
  class_type: string;
  inputs: Record<string, unknown>;
  _meta?: { title?: string };
}

export type Graph = Record<string, GraphNode>;

/** `[node id, output slot]`. ComfyUI treats every array among a node's inputs as a link. */
export type Link = readonly [nodeId: string, slot: number];

/** One entry of the queue, in ComfyUI's own order: number, prompt id, graph, extra_data, outputs to execute. */
export type QueueItem = readonly [
  number: number,
  promptId: string,
  graph: Graph,
  extraData: Record<string, unknown>,
  outputsToExecute: readonly string[],
];

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The node of that id; ids come from clients, and every object answers to `constructor`. */
export function nodeOf(graph: Graph, id: string): GraphNode | undefined {
  return Object.hasOwn(graph, id) ? graph[id] : undefined;
}

/** A well-formed link as an execution sees it, after validation. */
export function isLink(value: unknown): value is Link {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'number';
}

/** Where a node stands for whoever looks on: an added node is shown as, and blamed on, the one it stands in for. */
export interface NodePlace {
  readonly nodeId: string;
  readonly displayId: string;
  readonly parentId: string | null;
  readonly realId: string;
}

/** The graph of one execution, to which its nodes may add others that run in their place. */
export class GrowingGraph {
  private readonly added = new Map<string, { readonly node: GraphNode; readonly parent: string }>();

  constructor(private readonly given: Graph) {}

  /** @throws TypeError for an id that is not there */
  node(id: string): GraphNode {
    const node = this.added.get(id)?.node ?? nodeOf(this.given, id);
    if (node === undefined) throw new TypeError(`no node ${id}`);
    return node;
  }

  add(parent: string, nodes: Graph): void {
    for (const [id, node] of Object.entries(nodes)) this.added.set(id, { node, parent });
  }

  isAdded(id: string): boolean {
    return this.added.has(id);
  }

  place(nodeId: string): NodePlace {
    let realId = nodeId;
    for (let next = this.added.get(realId); next !== undefined; next = this.added.get(realId)) realId = next.parent;
    return { nodeId, displayId: realId, parentId: this.added.get(nodeId)?.parent ?? null, realId };
  }
}
