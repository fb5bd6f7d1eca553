import { DURABLES, EVENTS_STREAM } from '@anime/contracts';
import type { JetStreamLog } from '@anime/event-store';
import { ProblemError } from '@anime/problem-details';
import { z } from 'zod';

/** A durable consumer of the log: as the server has it, or missing. */
export interface ListedDurable {
  readonly name: string;
  readonly description: string;
  readonly state: 'present' | 'missing';
  /** Events that it has not been given yet; null when it is missing. */
  readonly pending: number | null;
  /** Events that it was given and has not acknowledged yet. */
  readonly unacknowledged: number | null;
  /** Position up to which all is acknowledged. */
  readonly acknowledgedTo: number | null;
}

const TIMEOUT_MS = 3_000;

/** The part of the server's answer to CONSUMER.LIST that is shown (JetStream wire API). */
const Answer = z.object({
  error: z.object({ description: z.string() }).optional(),
  total: z.number().optional(),
  consumers: z
    .array(
      z.object({
        name: z.string(),
        config: z.object({ durable_name: z.string().optional(), description: z.string().optional() }),
        num_pending: z.number(),
        num_ack_pending: z.number(),
        ack_floor: z.object({ stream_seq: z.number() }),
      }),
    )
    .nullish(),
});

/**
 * The durables that every studio has, missing ones too, then those of executors.
 * @throws ProblemError `log-unavailable`
 */
export async function listDurables(log: JetStreamLog): Promise<readonly ListedDurable[]> {
  const present = await presentDurables(log);
  const ours = DURABLES.map(({ name, description }) => ({ ...(present.get(name) ?? MISSING), name, description }));
  for (const { name } of DURABLES) present.delete(name);
  return [...ours, ...[...present.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))];
}

const MISSING = { state: 'missing', pending: null, unacknowledged: null, acknowledgedTo: null } as const;

async function presentDurables(log: JetStreamLog): Promise<Map<string, ListedDurable>> {
  await log.end(); // waits for the connection, and says when there is none, or no stream
  const connection = await log.connected();
  const found = new Map<string, ListedDurable>();
  for (let offset = 0; ;) {
    const request = JSON.stringify({ offset });
    const reply = await connection.request(`$JS.API.CONSUMER.LIST.${EVENTS_STREAM}`, request, { timeout: TIMEOUT_MS });
    const { error, consumers, total = 0 } = Answer.parse(reply.json());
    if (error !== undefined) throw new ProblemError('log-unavailable', `JetStream answered: ${error.description}`);
    for (const consumer of consumers ?? []) {
      const { durable_name: name, description = '' } = consumer.config;
      if (name === undefined) continue; // a reader of the moment
      const { num_pending: pending, num_ack_pending: unacknowledged, ack_floor: floor } = consumer;
      found.set(name, {
        name,
        description,
        state: 'present',
        pending,
        unacknowledged,
        acknowledgedTo: floor.stream_seq,
      });
    }
    offset += consumers?.length ?? 0;
    if (offset >= total || (consumers?.length ?? 0) === 0) return found;
  }
}
