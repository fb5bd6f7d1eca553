import { JobAcceptedV1 } from './events/job/accepted.v1.js';
import { JobAcceptedV2 } from './events/job/accepted.v2.js';
import { JobCancelRequestedV1 } from './events/job/cancel-requested.v1.js';
import { JobCancelRequestedV2 } from './events/job/cancel-requested.v2.js';
import { JobRequestedV1 } from './events/job/requested.v1.js';
import { JobRequestedV2 } from './events/job/requested.v2.js';
import { defineUpcaster } from './upcaster.js';
import type { ProjectOfJob } from './values/project.js';

/** Version 1 took any id for a project and knew no slug. */
function withoutSlug(project: string | null): ProjectOfJob | null {
  return project === null ? null : { id: project, slug: null };
}

/** How readers bring older versions of events up to date, one step each. */
export const UPCASTERS = [
  defineUpcaster(JobCancelRequestedV1, JobCancelRequestedV2, () => ({ reason: null })),
  defineUpcaster(JobRequestedV1, JobRequestedV2, (data) => ({ ...data, project: withoutSlug(data.project) })),
  defineUpcaster(JobAcceptedV1, JobAcceptedV2, (data) => ({ ...data, project: withoutSlug(data.project) })),
];
