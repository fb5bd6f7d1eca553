import type { ApiGraph, BodyOf } from '@anime/contracts';
import { checkTemplate, compileVariants } from '@anime/workflow-engine';
import type { JobCommand } from '../domain/job/job.decide.js';
import { bytesOf, gbOf } from '../domain/memory/bytes.js';
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
  const { manifest } = template;
  const graph = await deps.loadGraph(template.graph);
  const lowMemory = template.lowMemory === null ? undefined : await deps.loadGraph(template.lowMemory.graph);
  const faults = checkTemplate(manifest, graph, lowMemory);
  for (const { name, role } of manifest.parameters) {
    if (requested.parameters[name] === undefined) faults.push(`parameter ${name} has no value`);
    else if (role === 'image' && !requested.inputs.some(({ parameter }) => parameter === name))
      faults.push(`parameter ${name} has no picture`);
  }
  if (faults.length > 0) {
    const reason = `template ${id} version ${version}: ${faults.join('; ')}`;
    return { kind: 'RejectJob', class: 'invalid', reason };
  }
  const variants = compileVariants({ manifest, graph, lowMemory }, requested.parameters, requested.inputs);
  const least = Math.min(...variants.map(({ vramGb }) => vramGb));
  const largest = work.largestVramBytes;
  if (largest !== undefined && largest < bytesOf(least)) {
    const reason = `it needs ${least} GB of GPU memory; the largest GPU here has ${gbOf(largest).toFixed(1)} GB`;
    return { kind: 'RejectJob', class: 'oom', reason };
  }
  return { kind: 'AcceptJob', compiled: { manifest, variants }, maxAttempts: deps.maxAttempts };
}
