import { createHash } from 'node:crypto';
import type { ApiGraph } from '@anime/contracts';
import canonicalize from 'canonicalize';

/** Where a save node takes its file prefix: the only part of an accepted graph that may change. */
export interface SaveTarget {
  readonly node: string;
  /** Null when it saves no file. */
  readonly filenamePrefixInput: string | null;
}

/**
 * The identity of a graph: SHA-256 (lower-case hex) of its canonical JSON (RFC 8785) without `_meta` and with blank
 * save prefixes, so that two graphs have the same hash when they compute the same picture.
 */
export function graphHash(graph: ApiGraph, saves: readonly SaveTarget[]): string {
  const bare = Object.fromEntries(
    Object.entries(withSavePrefixes(graph, saves, () => '')).map(([id, node]) => [
      id,
      { class_type: node.class_type, inputs: node.inputs },
    ]),
  );
  return createHash('sha256')
    .update(canonicalize(bare) ?? '')
    .digest('hex');
}

/** A copy of the graph whose save nodes write under the given prefixes. Save nodes that are not in it are left out. */
export function withSavePrefixes(
  graph: ApiGraph,
  saves: readonly SaveTarget[],
  prefixOf: (node: string) => string,
): ApiGraph {
  const copy: ApiGraph = { ...graph };
  for (const { node, filenamePrefixInput } of saves) {
    const save = copy[node];
    if (save !== undefined && filenamePrefixInput !== null) {
      copy[node] = { ...save, inputs: { ...save.inputs, [filenamePrefixInput]: prefixOf(node) } };
    }
  }
  return copy;
}
