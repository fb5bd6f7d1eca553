import { JobAcceptedV1 } from './events/job/accepted.v1.js';
import { JobAcceptedV2 } from './events/job/accepted.v2.js';
import { JobCancelRequestedV1 } from './events/job/cancel-requested.v1.js';
import { JobCancelRequestedV2 } from './events/job/cancel-requested.v2.js';
import { JobRequestedV1 } from './events/job/requested.v1.js';
import { JobRequestedV2 } from './events/job/requested.v2.js';
import { JobRequestedV3 } from './events/job/requested.v3.js';
import { JobAcceptedV3 } from './events/job/accepted.v3.js';
import { JobAssignedV1 } from './events/job/assigned.v1.js';
import { JobAssignedV2 } from './events/job/assigned.v2.js';
import { JobStartedV1 } from './events/job/started.v1.js';
import { JobStartedV2 } from './events/job/started.v2.js';
import { JobExecutedV1 } from './events/job/executed.v1.js';
import { JobExecutedV2 } from './events/job/executed.v2.js';
import { JobAttemptFailedV1 } from './events/job/attempt-failed.v1.js';
import { JobAttemptFailedV2 } from './events/job/attempt-failed.v2.js';
import { JobRetryScheduledV1 } from './events/job/retry-scheduled.v1.js';
import { JobRetryScheduledV2 } from './events/job/retry-scheduled.v2.js';
import { ProjectCreatedV1 } from './events/project/created.v1.js';
import { ProjectCreatedV2 } from './events/project/created.v2.js';
import { ProjectSettingsChangedV1 } from './events/project/settings-changed.v1.js';
import { ProjectSettingsChangedV2 } from './events/project/settings-changed.v2.js';
import { WorkflowRegisteredV1 } from './events/workflow/registered.v1.js';
import { WorkflowRegisteredV2 } from './events/workflow/registered.v2.js';
import { defineUpcaster } from './upcaster.js';
import type { EventData } from './event-contract.js';
import type { ProjectOfJob } from './values/project.js';

/** Version 1 took any id for a project and knew no slug. */
function withoutSlug(project: string | null): ProjectOfJob | null {
  return project === null ? null : { id: project, slug: null };
}

/** Version 1 did not say which nodes were cached, which models there were, and what the pixels are. */
function executedV2(data: EventData<typeof JobExecutedV1>): EventData<typeof JobExecutedV2> {
  const outputs = data.outputs.map((output) => ({ ...output, pixelSha256: null }));
  return { ...data, outputs, cachedNodes: [], models: [], vramPeakBytes: null };
}

/** How readers bring older versions of events up to date, one step each. */
export const UPCASTERS = [
  defineUpcaster(JobCancelRequestedV1, JobCancelRequestedV2, () => ({ reason: null })),
  defineUpcaster(JobRequestedV1, JobRequestedV2, (data) => ({ ...data, project: withoutSlug(data.project) })),
  defineUpcaster(JobAcceptedV1, JobAcceptedV2, (data) => ({ ...data, project: withoutSlug(data.project) })),
  defineUpcaster(JobRequestedV2, JobRequestedV3, (data) => ({ ...data, inputs: [], limits: {} })),
  defineUpcaster(JobAcceptedV2, JobAcceptedV3, (data) => ({ ...data, inputs: [], maxRunSeconds: null })),
  defineUpcaster(JobAssignedV1, JobAssignedV2, (data) => ({ ...data, freeMemory: false })),
  defineUpcaster(JobStartedV1, JobStartedV2, (data) => ({ ...data, environment: null })),
  defineUpcaster(JobExecutedV1, JobExecutedV2, executedV2),
  defineUpcaster(JobAttemptFailedV1, JobAttemptFailedV2, (data) => data),
  defineUpcaster(JobRetryScheduledV1, JobRetryScheduledV2, (data) => ({
    ...data,
    variant: 'normal' as const,
    vramGb: 0,
    gpuBytes: 0,
    freeMemory: false,
    avoid: [],
  })),
  defineUpcaster(ProjectCreatedV1, ProjectCreatedV2, (data) => data),
  defineUpcaster(ProjectSettingsChangedV1, ProjectSettingsChangedV2, (data) => data),
  defineUpcaster(WorkflowRegisteredV1, WorkflowRegisteredV2, (data) => ({ ...data, lowMemory: null })),
];
