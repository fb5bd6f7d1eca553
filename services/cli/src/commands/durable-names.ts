import {
  DURABLES,
  EVENTS_ROOT,
  EXECUTOR_ACK_WAIT_MS,
  executorDurable,
  executorFilter,
  Slug,
  Uuid,
} from '@anime/contracts';
import { executorIdOf, type DurableShape } from '@anime/event-store';

/** A durable as it has to be created. */
export interface WantedDurable extends DurableShape {
  readonly name: string;
}

/**
 * The durable that a name of the command line means: one of ours, `executor:<name>` by the executor's name in a studio, or
 * `executor-<id>` as a service that misses it calls it.
 * @returns undefined when the name means none
 */
export function wantedDurable(name: string, studio: string): WantedDurable | undefined {
  const known = DURABLES.find((durable) => durable.name === name);
  if (known !== undefined) return { name, description: known.description };
  const slug = Slug.safeParse(/^executor:(.+)$/.exec(name)?.[1]);
  if (slug.success) return ofExecutor(executorIdOf(studio, slug.data), `orders to executor ${slug.data}`);
  const id = Uuid.safeParse(/^executor-(.+)$/.exec(name)?.[1]);
  return id.success ? ofExecutor(id.data, `orders to executor ${id.data}`) : undefined;
}

function ofExecutor(executorId: string, description: string): WantedDurable {
  return {
    name: executorDurable(executorId),
    description,
    filterSubject: executorFilter(EVENTS_ROOT, executorId),
    ackWaitMs: EXECUTOR_ACK_WAIT_MS,
  };
}
