import { topology } from './settings.js';
import { withManager, type ProvisionTarget } from './with-manager.js';

/** A durable consumer of the log: as the server has it, or missing; then its figures are null. */
export interface ListedDurable {
  readonly name: string;
  readonly description: string;
  readonly state: 'present' | 'missing';
  /** Events that it has not been given yet. */
  readonly pending: number | null;
  /** Events that it was given and has not acknowledged yet. */
  readonly unacknowledged: number | null;
  /** Position of the last event that it was given; 0 before the first. */
  readonly deliveredTo: number | null;
  /** Position up to which all is acknowledged. */
  readonly acknowledgedTo: number | null;
}

const MISSING = {
  state: 'missing',
  pending: null,
  unacknowledged: null,
  deliveredTo: null,
  acknowledgedTo: null,
} as const;

/**
 * The durables that every studio has, missing ones too, then the others (those of executors) by name. Readers of the
 * moment are no durables.
 * @throws ProblemError `log-incompatible`; `log-unavailable`, also when there is no such stream
 */
export function listDurables(
  options: ProvisionTarget & { readonly stream?: string },
): Promise<readonly ListedDurable[]> {
  return withManager(options, 'listing the durables', async (manager) => {
    const { stream, durables } = topology(options.stream === undefined ? {} : { stream: options.stream });
    const found = new Map<string, ListedDurable>();
    for await (const info of manager.consumers.list(stream)) {
      const { durable_name: name, description = '' } = info.config;
      if (name === undefined) continue;
      found.set(name, {
        name,
        description,
        state: 'present',
        pending: info.num_pending,
        unacknowledged: info.num_ack_pending,
        deliveredTo: info.delivered.stream_seq,
        acknowledgedTo: info.ack_floor.stream_seq,
      });
    }
    const ours = durables.map(({ name, description }) => ({ ...(found.get(name) ?? MISSING), name, description }));
    for (const { name } of durables) found.delete(name);
    return [...ours, ...[...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))];
  });
}
