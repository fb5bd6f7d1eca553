import { encodeEvent } from '@anime/event-store';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { storyOfJob } from '../job-events.js';

/** Messages a second that the NATS client alone reads of a stream, in order, looking at none. */
export async function rawConsume(natsUrl: string, stream: string, messages: number): Promise<number> {
  const nc = await connect({ servers: natsUrl });
  try {
    const consumer = await jetstream(nc).consumers.get(stream, {
      deliver_policy: 'by_start_sequence',
      opt_start_seq: 1,
    });
    const began = performance.now();
    const delivered = await consumer.consume({ max_messages: 500 });
    let count = 0;
    for await (const message of delivered) {
      count += 1;
      if (count >= messages || message.info.pending === 0) break;
    }
    return (count / (performance.now() - began)) * 1_000;
  } finally {
    await nc.close();
  }
}

const BATCH = 1_000;

/**
 * Rows a second that PostgreSQL takes by the same kind of statement, one row an event with its data, a checkpoint in each
 * transaction: what any read-model costs that keeps its events.
 */
export async function rawUpsert(databaseUrl: string, rows: number): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      'drop table if exists raw_rows; create table raw_rows (job_id uuid, n bigint, data jsonb, primary key (job_id, n))',
    );
    await client.query(
      'drop table if exists raw_checkpoint; create table raw_checkpoint (id int primary key, position bigint); insert into raw_checkpoint values (1, 0)',
    );
    await client.query('set synchronous_commit = off');
    // As items of an array in PostgreSQL's text form.
    const bodies = storyOfJob('018f0000-0000-7000-8000-000000000001').map((event) => {
      const json = new TextDecoder().decode(encodeEvent(event, 'anime').data);
      return `"${json.replaceAll(/["\\]/g, '\\$&')}"`;
    });
    const began = performance.now();
    for (let from = 0; from < rows; from += BATCH) {
      const numbers = Array.from({ length: BATCH }, (_, index) => from + index);
      const columns = [
        numbers.map((n) => uuidOf(Math.floor(n / bodies.length))),
        numbers,
        numbers.map((n) => bodies[n % bodies.length]),
      ];
      await client.query('begin');
      await client.query({
        name: 'upsert',
        text: `insert into raw_rows select * from unnest($1::uuid[], $2::bigint[], $3::jsonb[])
          on conflict (job_id, n) do update set data = excluded.data`,
        values: columns.map((items) => `{${items.join(',')}}`),
      });
      await client.query('update raw_checkpoint set position = $1 where id = 1', [from + BATCH]);
      await client.query('commit');
    }
    const perSecond = (rows / (performance.now() - began)) * 1_000;
    await client.query('drop table raw_rows; drop table raw_checkpoint');
    return perSecond;
  } finally {
    await client.end();
  }
}

function uuidOf(n: number): string {
  return `018f0000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
}
