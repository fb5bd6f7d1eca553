import { WorkflowRegisteredV2, type EventData } from '@anime/contracts';
import { decided, NOTHING, refused, type Decider, type Decision } from '@anime/event-store/pure';
import { sameJson } from '../json/same-json.js';
import { evolveWorkflow, type WorkflowEvent } from './workflow.evolve.js';
import { NO_WORKFLOW, type WorkflowState } from './workflow.state.js';

/** What somebody may want of a template. */
export interface WorkflowCommand {
  readonly kind: 'RegisterWorkflow';
  readonly template: EventData<typeof WorkflowRegisteredV2>;
}

/**
 * Decides one command on one template. A version never changes once it is registered, because jobs name it: the same
 * content again leads to nothing, other content is refused.
 */
export function decideWorkflow(
  command: WorkflowCommand,
  workflow: WorkflowState,
): Decision<typeof WorkflowRegisteredV2> {
  const { slug, version, manifest, graphHash, lowMemory } = command.template;
  const known = workflow.versions[version];
  if (known === undefined) return decided(WorkflowRegisteredV2, command.template);
  const changed = [
    ...(sameJson(known.manifest, manifest) ? [] : ['manifest']),
    ...(known.graphHash === graphHash ? [] : ['graph']),
    ...(known.lowMemoryHash === (lowMemory?.graphHash ?? null) ? [] : ['low-memory graph']),
  ];
  if (changed.length === 0) return NOTHING;
  return refused(
    'template-changed',
    `the ${changed.join(' and the ')} of ${slug}@${version} changed after it had been registered; ` +
      `give the change a version of its own (v${newest(workflow) + 1})`,
  );
}

function newest(workflow: WorkflowState): number {
  return Math.max(...Object.keys(workflow.versions).map(Number));
}

export const workflowDecider: Decider<WorkflowState, WorkflowCommand, WorkflowEvent> = {
  foldVersion: 2,
  initial: NO_WORKFLOW,
  decide: decideWorkflow,
  evolve: evolveWorkflow,
};
