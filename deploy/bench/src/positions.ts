import { openLog } from '@anime/event-store';
import { eventually } from '@anime/testing/processes';
import pg from 'pg';
import type { BenchStudio } from './studio.js';

/** Work that a window has left behind; longer than this it is not waited for. */
const LONGEST_MS = 120_000;

/** Position of the last event in a studio's log. */
export async function lastPosition({ nats }: BenchStudio): Promise<number> {
  const log = openLog({ natsUrl: nats.url, name: 'bench' });
  try {
    return await log.end();
  } finally {
    await log.close();
  }
}

const UNDEFINED_TABLE = '42P01';

/** Where the slowest read-model of the gateway stands; 0 while their tables are not made yet. */
export async function readModelPosition(client: pg.Client): Promise<number> {
  try {
    const { rows } = await client.query<{ position: string | null }>(
      'select min(position) as position from gateway.projection_checkpoints',
    );
    return Number(rows[0]?.position ?? 0);
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === UNDEFINED_TABLE) return 0;
    throw error;
  }
}

/**
 * Waits until the gateway's read-models hold all that is in the log now: else a baseline would be measured beside the work
 * that the product's window has left behind.
 * @returns seconds that it took
 */
export async function readModelsCaughtUp(studio: BenchStudio): Promise<number> {
  const began = performance.now();
  const client = new pg.Client({ connectionString: studio.postgres.url() });
  await client.connect();
  try {
    const end = await lastPosition(studio);
    await eventually(async () => (await readModelPosition(client)) >= end, {
      what: `the read-models are at position ${end}`,
      timeoutMs: LONGEST_MS,
    });
  } finally {
    await client.end();
  }
  return (performance.now() - began) / 1_000;
}
