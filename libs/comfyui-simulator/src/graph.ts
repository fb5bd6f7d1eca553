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

/** A well-formed link as an execution sees it, after validation. */
export function isLink(value: unknown): value is Link {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'number';
}
