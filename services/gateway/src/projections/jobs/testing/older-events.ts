import {
  JobAcceptedV1,
  JobAcceptedV2,
  JobAssignedV1,
  JobAttemptFailedV1,
  JobExecutedV1,
  JobRequestedV1,
  JobRequestedV2,
  JobRetryScheduledV1,
  JobStartedV1,
  ProjectCreatedV1,
  ProjectSettingsChangedV1,
  WorkflowRegisteredV1,
} from '@anime/contracts';
import { deriveId, type NewEvent } from '@anime/event-store';
import { EXECUTOR, HASH, jobEvents, OUTPUT, sample } from './sample-events.js';

/** Jobs, a project and a template as older builds told them: in the versions of then. @param ids of two jobs */
export function olderEvents([first, second]: readonly [string, string]): NewEvent[] {
  const projectId = deriveId(EXECUTOR, 'project');
  const workflowId = deriveId(EXECUTOR, 'older template');
  const project = { id: projectId, slug: 'older-film' };
  const manifest = {
    id: 'older',
    version: 1,
    title: 'Older',
    description: 'A picture from words',
    kind: 'image' as const,
    nodeClasses: ['KSampler'],
    vramGb: 6.5,
    models: [],
    parameters: [{ name: 'prompt', schema: { type: 'string' as const }, targets: ['6.text'] }],
    outputs: [OUTPUT],
    progress: { '3': 1 },
  };
  const template = { slug: 'older', version: 1, manifest, graph: { inline: {} }, graphHash: HASH, builtIn: true };
  return [
    sample(ProjectCreatedV1, projectId, { slug: 'older-film', title: 'Older film', settings: {} }, 0),
    sample(ProjectSettingsChangedV1, projectId, { settings: { waitingLimit: 5 } }, 1),
    sample(WorkflowRegisteredV1, workflowId, template, 0),
    ...olderJob(first, (requested, accepted) => [
      sample(JobRequestedV1, first, { ...requested, project: projectId }, 0),
      sample(JobAcceptedV1, first, { ...accepted, project: projectId }, 1),
    ]),
    ...olderJob(second, (requested, accepted) => [
      sample(JobRequestedV2, second, { ...requested, project }, 0),
      sample(JobAcceptedV2, second, { ...accepted, project }, 1),
    ]),
  ];
}

/** One that failed at first, and was executed then. */
function olderJob(
  id: string,
  beginning: (requested: OlderRequested, accepted: OlderAccepted) => readonly NewEvent[],
): readonly NewEvent[] {
  const job = jobEvents(id);
  const { assigned, started, executed, failed, retry } = parts(id);
  return [
    ...beginning(olderRequested(job), olderAccepted(job)),
    sample(JobAssignedV1, id, assigned(1), 2),
    sample(JobStartedV1, id, started(1), 3),
    sample(JobAttemptFailedV1, id, failed, 4),
    sample(JobRetryScheduledV1, id, retry, 5),
    sample(JobAssignedV1, id, assigned(2), 6),
    sample(JobStartedV1, id, started(2), 7),
    sample(JobExecutedV1, id, executed, 8),
  ];
}

type Events = ReturnType<typeof jobEvents>;
type OlderRequested = ReturnType<typeof olderRequested>;
type OlderAccepted = ReturnType<typeof olderAccepted>;

function olderRequested({ requested }: Events) {
  const { inputs: _inputs, limits: _limits, project: _project, ...data } = requested.data;
  return data;
}

function olderAccepted({ accepted }: Events) {
  const { inputs: _inputs, maxRunSeconds: _unbounded, project: _project, ...data } = accepted.data;
  return { ...data, outputs: [OUTPUT] };
}

/** What the events of attempts held. */
function parts(id: string) {
  const job = jobEvents(id);
  const assigned = (attempt: number) => {
    const { freeMemory: _free, ...data } = job.assigned(attempt).data;
    return data;
  };
  const started = (attempt: number) => {
    const { environment: _environment, ...data } = job.started(attempt).data;
    return data;
  };
  const { cachedNodes: _nodes, models: _models, vramPeakBytes: _peak, outputs, ...executed } = job.executed(2).data;
  const failed = job.attemptFailed(1, 'oom').data;
  const { attempt, failedAttempt, notBefore } = job.retryScheduled(2).data;
  return {
    assigned,
    started,
    executed: {
      ...executed,
      outputs: outputs.map(({ pixelSha256: _pixels, kind: _kind, ...output }) => ({ ...output, kind: OUTPUT.kind })),
    },
    failed,
    retry: { attempt, failedAttempt, notBefore, class: 'transient' as const },
  };
}
