import { Uuid } from '@anime/contracts';
import { projectIdOf } from '@anime/event-store/pure';

/** Id of the project that is called so; there may be none. @param name its slug or id, which no slug looks like */
export function projectIdNamed(studio: string, name: string): string {
  return Uuid.safeParse(name).success ? name : projectIdOf(studio, name);
}
