import { ROUTES, type Executor } from '@anime/contracts/http';

/** Where an executor, its commands and what runs on it are. */
export function executorLinks({ name, environment }: Pick<Executor, 'name' | 'environment'>): Executor['links'] {
  const at = (path: string): string => path.replace('{id}', name);
  return {
    self: at(ROUTES.getExecutor.path),
    pause: at(ROUTES.pauseExecutor.path),
    resume: at(ROUTES.resumeExecutor.path),
    environment: environment === null ? null : ROUTES.getEnvironment.path.replace('{hash}', environment),
  };
}
