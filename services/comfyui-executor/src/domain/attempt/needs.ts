import type { ApiGraph } from '@anime/contracts';
import { isModelFile, type MissingModel } from './models.js';

/** An input of a node class that takes one of a list. */
export interface Combo {
  readonly input: string;
  /** What it takes now; undefined where the server does not tell. */
  readonly values: readonly string[] | undefined;
  /** It lists files that were uploaded, no models. */
  readonly isUpload: boolean;
}

/** What is of interest of a node class before a graph is sent. */
export interface KnownClass {
  readonly isOutputNode: boolean;
  readonly combos: readonly Combo[];
}

/** The classes of a server; undefined for one that it does not have. */
export type Definitions = (classType: string) => KnownClass | undefined;

/** The first node whose class the server does not have. It refuses such a graph, also when no output needs the node. */
export function missingNodeIn(
  graph: ApiGraph,
  definitions: Definitions,
): { readonly nodeId: string; readonly classType: string } | undefined {
  for (const [nodeId, { class_type: classType }] of Object.entries(graph))
    if (definitions(classType) === undefined) return { nodeId, classType };
  return undefined;
}

/**
 * The first model that a loader does not list. Only of nodes that an output needs: the others are never run. A value that
 * is no model, like the name of a sampler, is left to the server, which refuses it with its own words.
 */
export function missingModelIn(graph: ApiGraph, definitions: Definitions): MissingModel | undefined {
  const needed = neededBy(graph, (classType) => definitions(classType)?.isOutputNode === true);
  for (const { node, classType, value, combo } of comboValues(graph, definitions)) {
    if (!needed.has(node) || !isModelFile(value) || combo.isUpload) continue;
    if (combo.values === undefined || combo.values.includes(value)) continue;
    return { node, classType, input: combo.input, wanted: value, available: combo.values };
  }
  return undefined;
}

/**
 * The models that a graph names, each once, with the nodes that name it: values that are called as models are, and values of
 * inputs whose list has models.
 */
export function modelUses(graph: ApiGraph, definitions: Definitions): ReadonlyMap<string, ReadonlySet<string>> {
  const uses = new Map<string, Set<string>>();
  const use = (name: string, node: string): void => void uses.set(name, (uses.get(name) ?? new Set()).add(node));
  for (const [node, { inputs }] of Object.entries(graph))
    for (const value of Object.values(inputs)) if (typeof value === 'string' && isModelFile(value)) use(value, node);
  for (const { node, value, combo } of comboValues(graph, definitions))
    if (!combo.isUpload && combo.values?.some(isModelFile) === true) use(value, node);
  return uses;
}

/** Of the models that a graph names, those that this run loaded: no node that names them was answered from the cache, or not needed. */
export function modelsLoaded(
  graph: ApiGraph,
  definitions: Definitions,
  cached: ReadonlySet<string>,
): ReadonlySet<string> {
  const ran = neededBy(graph, (classType) => definitions(classType)?.isOutputNode === true, cached);
  const loaded = [...modelUses(graph, definitions)].filter(([, nodes]) => [...nodes].every((node) => ran.has(node)));
  return new Set(loaded.map(([name]) => name));
}

/** The nodes that these outputs need, themselves included; without `cached` ones and what only these need. */
export function neededBy(
  graph: ApiGraph,
  isOutput: (classType: string, node: string) => boolean,
  cached: ReadonlySet<string> = new Set(),
): ReadonlySet<string> {
  const needed = new Set<string>();
  const visit = (node: string): void => {
    const entry = graph[node];
    if (entry === undefined || needed.has(node) || cached.has(node)) return;
    needed.add(node);
    for (const value of Object.values(entry.inputs)) {
      if (Array.isArray(value) && value.length === 2 && typeof value[0] === 'string') visit(value[0]);
    }
  };
  for (const [node, { class_type: classType }] of Object.entries(graph)) if (isOutput(classType, node)) visit(node);
  return needed;
}

interface ComboValue {
  readonly node: string;
  readonly classType: string;
  readonly value: string;
  readonly combo: Combo;
}

function* comboValues(graph: ApiGraph, definitions: Definitions): Generator<ComboValue> {
  for (const [node, { class_type: classType, inputs }] of Object.entries(graph)) {
    for (const combo of definitions(classType)?.combos ?? []) {
      const value = inputs[combo.input];
      if (typeof value === 'string') yield { node, classType, value, combo };
    }
  }
}
