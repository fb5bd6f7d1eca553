import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { JobCancelRequestedV1 } from '@anime/contracts';
import { uuidv7 } from '@anime/event-store';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { useNats } from '@anime/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { gatewayDatabase } from './adapters/postgres/gateway-database.js';
import { startOwnGateway, type OwnGateway } from './testing/test-gateway.js';

const REASON = 'Zu dunkel, sagt sie: 暗すぎる 🌒';
const check = new AnswerCheck();
const nats = useNats();
let gateway: OwnGateway;
let jobId: string;

beforeAll(async () => {
  gateway = await startOwnGateway(nats, { check });
});
afterAll(async () => gateway[Symbol.asyncDispose]());
beforeEach(async () => {
  const { body } = await gateway.send('POST', '/api/anime/generate/image', { body: { prompt: 'a fox' } });
  jobId = String(body['jobId']);
});

const cancel = (body?: unknown) =>
  gateway.send('POST', `/api/anime/jobs/${jobId}/cancel`, body === undefined ? {} : { body });
/** The reasons of the job's cancels, as its trail shows them. */
async function reasons(): Promise<readonly unknown[]> {
  const { body } = await gateway.send('GET', `/api/anime/jobs/${jobId}/events?after=${await gateway.log.end()}`);
  const events = body['events'] as { type: string; data: { reason: unknown } }[];
  return events.filter(({ type }) => type === 'job.cancel-requested').map(({ data }) => data.reason);
}
/** The one key that there is. */
async function keyFile(): Promise<string> {
  const names = await readdir(gateway.keysDir);
  expect(names).toHaveLength(1);
  return join(gateway.keysDir, String(names[0]));
}

const subject = expect.stringMatching(/^[0-9a-f-]{36}$/);
const opened = (text: string) => ({ subject, text, unavailable: null });
const unopened = (unavailable: string) => ({ subject, text: null, unavailable });

describe('the reason of a cancel', () => {
  it('is sealed in the log and in the tables, and opened in the trail', async () => {
    for (const reason of [REASON, 'x'.repeat(2_000)]) expect((await cancel({ reason })).status).toBe(202);
    expect(await reasons()).toEqual([opened(REASON), opened('x'.repeat(2_000))]);

    const stored: unknown[] = [];
    for await (const entry of gateway.log.readAggregate('job', jobId)) stored.push(entry);
    const tables = gatewayDatabase(gateway.databaseUrl);
    const session = await tables.session();
    const rows = await session.query('select data from gateway.job_timeline where job_id = $1', [jobId]);
    session.release({ reuse: true });
    await tables.close();
    for (const held of [stored, rows]) {
      expect(JSON.stringify(held)).toContain('"sealed":"aes-256-gcm"');
      expect(JSON.stringify(held)).not.toContain('dunkel');
    }
  });

  it('may be left out, with the body or without', async () => {
    for (const body of [undefined, null, {}]) expect((await cancel(body)).status).toBe(202);
    expect(await reasons()).toEqual([null, null, null]);
  });

  it('is null for a cancel that a build before this one stored', async () => {
    await gateway.log.append({
      id: uuidv7(),
      time: new Date().toISOString(),
      correlationId: uuidv7(),
      actor: uuidv7(),
      contract: JobCancelRequestedV1,
      aggregateId: jobId,
      data: {},
    });
    expect(await reasons()).toEqual([null]);
  });

  it('that cannot be opened says why in its place, and the rest of the trail is shown', async () => {
    await cancel({ reason: REASON });
    const file = await keyFile();
    const whole = await readFile(file);
    await writeFile(file, 'garbage');
    expect(await reasons()).toEqual([unopened('damaged')]);
    await rm(file);
    expect(await reasons()).toEqual([unopened('key-gone')]);
    await rm(gateway.keysDir, { recursive: true });
    expect(await reasons()).toEqual([unopened('key-unreachable')]);
    await cancel({ reason: 'a new key' });
    await cancel({ reason: 'a new key' });
    await writeFile(file, whole);
    expect((await reasons())[0]).toEqual(opened(REASON));
  });

  it('that cannot be sealed stops the cancel and stores nothing; without it the cancel goes through', async () => {
    await cancel({ reason: REASON });
    const file = await keyFile();
    const whole = await readFile(file);
    await writeFile(file, whole.subarray(0, 50));
    const before = await gateway.log.end();
    expect(await cancel({ reason: REASON })).toMatchObject({
      status: 500,
      body: { code: 'key-damaged', detail: expect.stringContaining('from its backup') },
    });
    expect(await gateway.log.end()).toBe(before);
    expect((await cancel()).status).toBe(202);
    await writeFile(file, whole);
  });
});
