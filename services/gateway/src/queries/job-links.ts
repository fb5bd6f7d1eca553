import { ROUTES } from '@anime/contracts/http';

/** Where a job, its trail and its cancellation are. */
export function jobLinks(jobId: string): { readonly self: string; readonly events: string; readonly cancel: string } {
  const at = (path: string): string => path.replace('{id}', jobId);
  return { self: at(ROUTES.getJob.path), events: at(ROUTES.getJobEvents.path), cancel: at(ROUTES.cancelJob.path) };
}
