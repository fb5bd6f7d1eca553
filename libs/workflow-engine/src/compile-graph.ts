import type { ApiGraph, InputFile, Parameters, TemplateManifest } from '@anime/contracts';
import { graphHash } from './graph-hash.js';

/** A template with its graphs in hand. */
export interface TemplateGraphs {
  readonly manifest: TemplateManifest;
  readonly graph: ApiGraph;
  /** The graph that needs less memory, when the manifest has one. */
  readonly lowMemory?: ApiGraph | undefined;
}

/** One way to run a job. */
export interface CompiledVariant {
  readonly name: 'normal' | 'low-memory';
  readonly graph: ApiGraph;
  readonly graphHash: string;
  /** GPU memory that a run needs, in GB. */
  readonly vramGb: number;
}

/**
 * Every variant of a template with a job's parameters bound into it: the normal one first, then that for less memory if there
 * is one.
 * @param inputs the pictures that the job takes in, one for each parameter of role `image`
 * @throws as `compileGraph`
 */
export function compileVariants(
  { manifest, graph, lowMemory }: TemplateGraphs,
  parameters: Parameters,
  inputs: readonly InputFile[],
): readonly CompiledVariant[] {
  const variant = (name: CompiledVariant['name'], source: ApiGraph, vramGb: number): CompiledVariant => {
    const compiled = compileGraph(manifest, source, parameters, inputs);
    return { name, graph: compiled, graphHash: graphHash(compiled, manifest.outputs), vramGb };
  };
  const normal = variant('normal', graph, manifest.vramGb);
  return manifest.lowMemory === undefined || lowMemory === undefined
    ? [normal]
    : [normal, variant('low-memory', lowMemory, manifest.lowMemory.vramGb)];
}

/**
 * Binds parameters into a template's graph: the same input gives the same graph. Touches only the manifest's targets. Where a
 * parameter names a picture, the graph gets the name that servers know it by.
 * @param parameters every parameter of the manifest, as `resolveParameters` gives them
 * @param inputs the pictures that the job takes in, one for each parameter of role `image`
 * @throws Error when the manifest targets an input that the graph does not have, or a parameter has no value or no picture:
 * `checkTemplate` and whoever accepts the request find that before
 */
export function compileGraph(
  manifest: TemplateManifest,
  graph: ApiGraph,
  parameters: Parameters,
  inputs: readonly InputFile[] = [],
): ApiGraph {
  const compiled: ApiGraph = structuredClone(graph);
  for (const { name, role, targets } of manifest.parameters) {
    const value = role === 'image' ? inputs.find(({ parameter }) => parameter === name)?.name : parameters[name];
    if (value === undefined)
      throw new Error(`parameter ${name} of ${manifest.id} has no ${role === 'image' ? 'picture' : 'value'}`);
    for (const target of targets) {
      const [nodeId = '', input = ''] = target.split('.');
      const node = compiled[nodeId];
      if (node === undefined || !(input in node.inputs)) {
        throw new Error(`${manifest.id} targets ${target}, which its graph does not have`);
      }
      node.inputs[input] = value;
    }
  }
  return compiled;
}

/**
 * Every way in which the parts of a template do not fit each other; empty when it is sound.
 * @param lowMemory the graph that needs less memory, when the manifest has one
 */
export function checkTemplate(manifest: TemplateManifest, graph: ApiGraph, lowMemory?: ApiGraph): string[] {
  const faults = graphFaults(manifest, graph, 'graph');
  if (manifest.lowMemory !== undefined && lowMemory === undefined) faults.push('there is no low-memory graph');
  if (manifest.lowMemory === undefined && lowMemory !== undefined)
    faults.push('there is a low-memory graph, of which the manifest says nothing');
  if (lowMemory !== undefined) faults.push(...graphFaults(manifest, lowMemory, 'low-memory graph'));
  for (const { name, role, schema } of manifest.parameters) {
    if (role === 'image' && schema.type !== 'string') faults.push(`parameter ${name} names a picture and is no string`);
  }
  const share = Object.values(manifest.progress).reduce((sum, part) => sum + part, 0);
  if (Math.abs(share - 1) > 1e-6) faults.push(`the shares of progress sum to ${share}, not to 1`);
  return faults;
}

/** @param called how messages call the graph */
function graphFaults(manifest: TemplateManifest, graph: ApiGraph, called: string): string[] {
  const faults: string[] = [];
  const hasInput = (nodeId: string, input: string) => {
    const node = graph[nodeId];
    return node !== undefined && input in node.inputs;
  };
  for (const parameter of manifest.parameters) {
    for (const target of parameter.targets) {
      const [nodeId = '', input = ''] = target.split('.');
      if (!hasInput(nodeId, input))
        faults.push(`parameter ${parameter.name} targets ${target}, which is not in the ${called}`);
    }
  }
  for (const output of manifest.outputs) {
    const { node, filenamePrefixInput: prefix } = output;
    if (prefix === null ? graph[node] === undefined : !hasInput(node, prefix))
      faults.push(`output ${prefix === null ? node : `${node}.${prefix}`} is not in the ${called}`);
  }
  for (const node of Object.keys(manifest.progress)) {
    if (graph[node] === undefined) faults.push(`progress names node ${node}, which is not in the ${called}`);
  }
  const classes = new Set(Object.values(graph).map((node) => node.class_type));
  const missing = [...classes].filter((name) => !manifest.nodeClasses.includes(name));
  if (missing.length > 0) faults.push(`nodeClasses leaves out ${missing.join(', ')} of the ${called}`);
  return faults;
}
