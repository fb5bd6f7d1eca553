import type { WorkflowRegisteredV2 } from '@anime/contracts';
import type { EventOf } from '@anime/event-store/pure';
import type { WorkflowState } from './workflow.state.js';

export type WorkflowEvent = EventOf<typeof WorkflowRegisteredV2>;

/** Folds one event of a template. The first registration of a version stays. */
export function evolveWorkflow(workflow: WorkflowState, event: WorkflowEvent): WorkflowState {
  const { version, manifest, graphHash, lowMemory } = event.data;
  if (workflow.versions[version] !== undefined) return workflow;
  return {
    versions: { ...workflow.versions, [version]: { manifest, graphHash, lowMemoryHash: lowMemory?.graphHash ?? null } },
  };
}
