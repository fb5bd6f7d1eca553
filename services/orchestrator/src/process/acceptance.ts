import type { ApiGraph, BodyOf } from '@anime/contracts';
import { checkTemplate, compileGraph, graphHash } from '@anime/workflow-engine';
import type { JobCommand } from '../domain/job/job.decide.js';
import type { OpenJob, OpenWork } from '../domain/open-work/open-work.js';

interface AcceptanceDeps {
  readonly loadGraph: (body: BodyOf<ApiGraph>) => Promise<ApiGraph>;
  readonly maxAttempts: number;
}

/**
 * Binds the job's parameters into its template: the command that accepts it, or that rejects it with the reason.
 * @throws ProblemError when the template's graph cannot be read now
 */
export async function prepareAcceptance(
  job: OpenJob,
  work: OpenWork,
  deps: AcceptanceDeps,
): Promise<JobCommand | undefined> {
  const requested = job.state.requested;
  if (requested === undefined) return undefined;
  const { id, version } = requested.template;
  const template = work.template(id, version);
  if (template === undefined)
    return { kind: 'RejectJob', reason: `no workflow template ${id} version ${version} is registered` };
  const { manifest } = template;
  const source = await deps.loadGraph(template.graph);
  const faults = checkTemplate(manifest, source);
  const missing = manifest.parameters.filter((parameter) => requested.parameters[parameter.name] === undefined);
  for (const parameter of missing) faults.push(`parameter ${parameter.name} has no value`);
  if (faults.length > 0)
    return { kind: 'RejectJob', reason: `template ${id} version ${version}: ${faults.join('; ')}` };
  const graph = compileGraph(manifest, source, requested.parameters);
  const compiled = { manifest, graph, graphHash: graphHash(graph, manifest.outputs) };
  return { kind: 'AcceptJob', compiled, maxAttempts: deps.maxAttempts };
}
