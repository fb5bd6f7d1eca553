import { ROUTES } from '@anime/contracts/http';

/** Where a project and its jobs are. */
export function projectLinks({ slug }: { readonly slug: string }): { readonly self: string; readonly jobs: string } {
  return { self: ROUTES.getProject.path.replace('{id}', slug), jobs: `${ROUTES.listJobs.path}?project=${slug}` };
}
