import type { ApiGraph, BodyOf } from '@anime/contracts';
import { checkTemplate, compileGraph, graphHash } from '@anime/workflow-engine';
import type { CompiledTemplate } from '../domain/job/job.decide.js';
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
    return {
      kind: 'RejectJob',
      class: 'invalid',
      reason: `no workflow template ${id} version ${version} is registered`,
    };
  const { manifest, lowMemory } = template;
  const sources = [{ name: 'normal' as const, source: template.graph, vramGb: manifest.vramGb }];
  const variants: CompiledTemplate['variants'][number][] = [];
  const low =
    lowMemory === null
      ? []
      : [{ name: 'low-memory' as const, source: lowMemory.graph, vramGb: manifest.lowMemory?.vramGb ?? 0 }];
  for (const { name, source: body, vramGb } of [...sources, ...low]) {
    const source = await deps.loadGraph(body);
    const faults = checkTemplate(manifest, source);
    const missing = manifest.parameters.filter((parameter) => requested.parameters[parameter.name] === undefined);
    for (const parameter of missing) faults.push(`parameter ${parameter.name} has no value`);
    if (faults.length > 0) {
      const reason = `template ${id} version ${version}: ${faults.join('; ')}`;
      return { kind: 'RejectJob', class: 'invalid', reason };
    }
    const graph = compileGraph(manifest, source, requested.parameters);
    variants.push({ name, graph, graphHash: graphHash(graph, manifest.outputs), vramGb });
  }
  const least = Math.min(...variants.map(({ vramGb }) => vramGb));
  const largest = work.largestVramGb;
  if (largest !== undefined && largest < least) {
    const reason = `it needs ${least} GB of GPU memory; the largest GPU here has ${largest.toFixed(1)} GB`;
    return { kind: 'RejectJob', class: 'oom', reason };
  }
  return { kind: 'AcceptJob', compiled: { manifest, variants }, maxAttempts: deps.maxAttempts };
}
