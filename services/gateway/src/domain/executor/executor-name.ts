import { Uuid } from '@anime/contracts';
import { executorIdOf } from '@anime/event-store/pure';

/** Id of the executor that is called so; there may be none. @param name its name or id */
export function executorIdNamed(studio: string, name: string): string {
  return Uuid.safeParse(name).success ? name : executorIdOf(studio, name);
}
