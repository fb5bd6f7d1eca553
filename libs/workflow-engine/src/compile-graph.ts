import type { ApiGraph, Parameters, TemplateManifest } from '@anime/contracts';

/**
 * Binds parameters into a template's graph: the same input gives the same graph. Touches only the manifest's targets.
 * @param parameters every parameter of the manifest, as `resolveParameters` gives them
 * @throws Error when the manifest targets an input that the graph does not have, or a parameter has no value:
 * `checkTemplate` finds both before a template is registered
 */
export function compileGraph(manifest: TemplateManifest, graph: ApiGraph, parameters: Parameters): ApiGraph {
  const compiled: ApiGraph = structuredClone(graph);
  for (const parameter of manifest.parameters) {
    const value = parameters[parameter.name];
    if (value === undefined) throw new Error(`parameter ${parameter.name} of ${manifest.id} has no value`);
    for (const target of parameter.targets) {
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

/** Every way in which manifest and graph do not fit each other; empty when the template is sound. */
export function checkTemplate(manifest: TemplateManifest, graph: ApiGraph): string[] {
  const faults: string[] = [];
  const hasInput = (nodeId: string, input: string) => {
    const node = graph[nodeId];
    return node !== undefined && input in node.inputs;
  };
  for (const parameter of manifest.parameters) {
    for (const target of parameter.targets) {
      const [nodeId = '', input = ''] = target.split('.');
      if (!hasInput(nodeId, input))
        faults.push(`parameter ${parameter.name} targets ${target}, which is not in the graph`);
    }
  }
  for (const output of manifest.outputs) {
    const { node, filenamePrefixInput: prefix } = output;
    if (prefix === null ? graph[node] === undefined : !hasInput(node, prefix))
      faults.push(`output ${prefix === null ? node : `${node}.${prefix}`} is not in the graph`);
  }
  for (const node of Object.keys(manifest.progress)) {
    if (graph[node] === undefined) faults.push(`progress names node ${node}, which is not in the graph`);
  }
  const classes = new Set(Object.values(graph).map((node) => node.class_type));
  const missing = [...classes].filter((name) => !manifest.nodeClasses.includes(name));
  if (missing.length > 0) faults.push(`nodeClasses leaves out ${missing.join(', ')}`);
  const share = Object.values(manifest.progress).reduce((sum, part) => sum + part, 0);
  if (Math.abs(share - 1) > 1e-6) faults.push(`the shares of progress sum to ${share}, not to 1`);
  return faults;
}
