import type { EventData, FailureEvidence, JobDeclinedV1 } from '@anime/contracts';
import { responseEvidence } from './failure.js';
import type { MissingModel } from './models.js';
import { nearest } from './nearest.js';

/** Why an attempt is handed back that was not begun, as `job.declined` records it. */
export interface Decline {
  readonly reason: EventData<typeof JobDeclinedV1>['reason'];
  /** A sentence for people. */
  readonly message: string;
  readonly evidence: FailureEvidence;
}

/** So many names of what there is are told with what there is not. */
const SUGGESTIONS = 5;

/** @param available all classes of the server; empty when it does not tell */
export function missingNode(nodeId: string, classType: string, available: readonly string[]): Decline {
  const names = nearest(classType, available, SUGGESTIONS);
  return {
    reason: 'missing-node',
    message: missingNodeMessage(classType, names),
    evidence: { nodeId, nodeType: classType, response: responseEvidence({ wanted: classType, nearest: names }) },
  };
}

/** @param model `available` has the names that the loader lists now */
export function missingModel(model: MissingModel): Decline {
  const { node: nodeId, classType, input, wanted } = model;
  const names = nearest(wanted, model.available ?? [], SUGGESTIONS);
  return {
    reason: 'missing-model',
    message: missingModelMessage(model, names),
    evidence: { nodeId, nodeType: classType, response: responseEvidence({ input, wanted, nearest: names }) },
  };
}

export function workerStopped(message: string): Decline {
  return { reason: 'worker-stopped', message, evidence: {} };
}

/** @param names the nearest that the server has, best first */
export function missingNodeMessage(classType: string, names: readonly string[]): string {
  return `The server has no node ${classType}${suggestion(names)}`;
}

/** @param names the nearest that the server has, best first */
export function missingModelMessage(model: MissingModel, names: readonly string[]): string {
  const { node, classType, input, wanted } = model;
  return `${classType} (node ${node}): the server has no ${wanted} for ${input}${suggestion(names)}`;
}

function suggestion(names: readonly string[]): string {
  return names.length === 0 ? '' : `; the nearest that it has: ${names.join(', ')}`;
}
