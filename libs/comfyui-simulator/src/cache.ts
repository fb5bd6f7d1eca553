import { createHash, randomUUID } from 'node:crypto';
import { type Graph, type GraphNode, isLink, nodeOf } from './graph.js';
import type { NodeResult } from './nodes/node-kind.js';

/** Node id to content key: class, inputs, fingerprint and the same of all ancestors. Ids and `_meta` do not count. */
export type CacheKeys = ReadonlyMap<string, string>;

/** What nodes said about themselves (IS_CHANGED), by id. NaN equals nothing, itself included. */
export type Fingerprints = ReadonlyMap<string, string | number>;

/**
 * Content keys of all nodes of a graph, unreachable ones included.
 * @throws TypeError for a node without `inputs`, which a real server accepts, too, and then dies of.
 */
export function cacheKeys(graph: Graph, fingerprints: Fingerprints = new Map()): CacheKeys {
  const keys = new Map<string, string>();
  for (const id of Object.keys(graph)) keyOf(id, graph, fingerprints, keys);
  return keys;
}

function keyOf(id: string, graph: Graph, fingerprints: Fingerprints, keys: Map<string, string>): string {
  const known = keys.get(id);
  if (known !== undefined) return known;
  const node = nodeOf(graph, id);
  // A link to nothing, or a cycle, can only stand in a branch that no output reaches.
  if (node === undefined) return `missing:${id}`;
  keys.set(id, `cycle:${id}`);
  const inputs = signature(node, (source) => keyOf(source, graph, fingerprints, keys));
  const fingerprint = fingerprints.get(id) ?? '';
  const mark = Number.isNaN(fingerprint) ? randomUUID() : String(fingerprint);
  const key = createHash('sha256').update(`${mark} ${inputs}`).digest('hex');
  keys.set(id, key);
  return key;
}

function signature(node: GraphNode, keyOfSource: (id: string) => string): string {
  const inputs = Object.entries(node.inputs).map(([name, value]): [string, unknown] => [
    name,
    isLink(value) ? { ancestor: keyOfSource(value[0]), slot: value[1] } : { value },
  ]);
  inputs.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([node.class_type, inputs]);
}

/**
 * Results of the last prompt's nodes. ComfyUI's default cache drops everything the current prompt does not use on
 * machines with up to 128 GB, so A, B, A executes A twice.
 */
export class OutputCache {
  private entries = new Map<string, NodeResult>();
  private keys: CacheKeys = new Map();

  /** Begins a prompt: entries it cannot use are dropped. @throws TypeError see `cacheKeys` */
  begin(graph: Graph, fingerprints?: Fingerprints): void {
    this.keys = cacheKeys(graph, fingerprints);
    const wanted = new Set(this.keys.values());
    this.entries = new Map([...this.entries].filter(([key]) => wanted.has(key)));
  }

  /** The stored result of a node of the current prompt. */
  get(nodeId: string): NodeResult | undefined {
    const key = this.keys.get(nodeId);
    return key === undefined ? undefined : this.entries.get(key);
  }

  set(nodeId: string, result: NodeResult): void {
    const key = this.keys.get(nodeId);
    if (key !== undefined) this.entries.set(key, result);
  }

  clear(): void {
    this.entries.clear();
  }
}
