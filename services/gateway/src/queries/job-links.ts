import { ROUTES, type JobLinks } from '@anime/contracts/http';

/** Where a job, its trail and its commands are. */
export function jobLinks(jobId: string): JobLinks {
  const at = (path: string): string => path.replace('{id}', jobId);
  return {
    self: at(ROUTES.getJob.path),
    events: at(ROUTES.getJobEvents.path),
    cancel: at(ROUTES.cancelJob.path),
    retry: at(ROUTES.retryJob.path),
  };
}
