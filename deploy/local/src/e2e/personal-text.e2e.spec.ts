import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { deflateSync } from 'node:zlib';
import { DeadLetterScorerParkedV1, JobExecutedV2, JobStartedV2, SERVICES } from '@anime/contracts';
import { deadLetterIdOf, uuidv7 } from '@anime/event-store';
import { testEvent } from '@anime/event-store/testing';
import { unwrap } from '@anime/gateway-client';
import { startOtlpReceiver, type OtlpReceiver } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { filesWith, formsOf } from '../testing/find-words.js';
import { TestStudio } from '../testing/test-studio.js';

/** Not personal, and not sealed: it must be found, or the search finds nothing. */
const CONTROL = 'quorvexine';
/** Personal: written by people into what is sealed, also where the request is refused. */
const ACCEPTED = ['mirthblade', 'zanthörimel'];
/** The label of an API key, which is sealed for the actor of the key. */
const LABEL = 'quandrifell';
/** Why a dead letter was discarded. */
const DISCARDED = 'fernwicket';
const REFUSED = [
  'ostrelquay',
  'brindelwax',
  'pluvenmark',
  'tarquessel',
  'velmoriant',
  'gristholme',
  'ombrevane',
] as const;

/** PostgreSQL compresses long values in its pages; off, so that they can be searched. Before anything is written. */
async function storeUncompressed(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ statement: string }>(
      `select format('alter table %I.%I alter column %I set storage external', table_schema, table_name, column_name) as statement
       from information_schema.columns join information_schema.tables using (table_schema, table_name)
       where table_schema in ('gateway', 'orchestrator') and table_type = 'BASE TABLE' and data_type in ('text', 'jsonb')`,
    );
    expect(rows.length).toBeGreaterThan(20);
    for (const { statement } of rows) await client.query(statement);
    const { rows: settings } = await client.query<{ wal_compression: string }>('show wal_compression');
    expect(settings).toEqual([{ wal_compression: 'off' }]);
  } finally {
    await client.end();
  }
}

/** Has the scorer say that it gave up the executed attempt of a job. @returns the id of the dead letter */
async function givenUp(studio: TestStudio, jobId: string): Promise<string> {
  const executed = await studio.happened(jobId, JobExecutedV2);
  const id = deadLetterIdOf('quality-scorer', executed.id);
  await studio.log.append(
    testEvent(
      DeadLetterScorerParkedV1,
      id,
      {
        consumer: 'quality-scorer',
        eventId: executed.id,
        eventName: JobExecutedV2.name,
        aggregateId: jobId,
        error: { code: 'blob-not-found', message: 'the picture is gone' },
        deliveries: 5,
      },
      { causationId: executed.id },
    ),
  );
  return id;
}

describe('personal text', () => {
  let studio: TestStudio;
  let spans: OtlpReceiver;
  beforeAll(async () => {
    spans = await startOtlpReceiver();
    studio = await TestStudio.start({
      stepDelayMs: 300,
      ownPostgres: true,
      compression: 'none',
      env: { LOG_LEVEL: 'trace', OTEL_EXPORTER_OTLP_ENDPOINT: spans.url },
    });
    await storeUncompressed(studio.databaseUrl);
  }, 120_000);
  afterAll(async () => {
    await studio[Symbol.asyncDispose]();
    await spans[Symbol.asyncDispose]();
  }, 60_000);

  it('is sealed and shown as the how-to says', async () => {
    const howTo = await readFile(new URL('../../../../docs/how-to/personal-data.md', import.meta.url), 'utf8');
    const examples = howTo.split('\n').filter((line) => line.startsWith('curl'));
    expect(examples).toHaveLength(2);
    const jobId = await studio.requestImage({ steps: 150 });
    const answers = [];
    for (const example of examples) {
      const command = example.replace('http://127.0.0.1:8331', studio.service('gateway').url).replace('<id>', jobId);
      const { stdout } = await promisify(execFile)('bash', ['-c', command]);
      answers.push(JSON.parse(stdout) as unknown);
      await studio.ended(jobId);
    }
    expect(answers[0]).toMatchObject({ jobId });
    const reason = { subject: expect.any(String), text: 'too dark', unavailable: null };
    expect(answers[1]).toMatchObject({
      events: expect.arrayContaining([expect.objectContaining({ data: { reason } })]),
    });
  }, 60_000);

  it('is in no file of the data, in no log and in no span, in whatever form; what is not personal is', async () => {
    const cancel = (jobId: string, reason: string) =>
      unwrap(studio.client.POST('/api/anime/jobs/{id}/cancel', { params: { path: { id: jobId } }, body: { reason } }));
    const post = async (route: string, body: string): Promise<number> => {
      const url = `${studio.service('gateway').url}/api/anime/${route}`;
      return (await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })).status;
    };
    const refused = (jobId: string, body: string): Promise<number> => post(`jobs/${jobId}/cancel`, body);
    const prompt = `a ${CONTROL} at dusk`;
    const done = await studio.requestImage({ prompt, steps: 2, seed: 1 });
    expect((await studio.ended(done)).status).toBe('completed');

    const running = await studio.requestImage({ prompt, steps: 150, seed: 2 });
    await studio.happened(running, JobStartedV2);
    const queued = await studio.requestImage({ prompt, steps: 150, seed: 3 });
    for (const jobId of [queued, running]) {
      expect(await refused(jobId, `{"reason":"${REFUSED[0]}`)).toBe(400);
      expect(await refused(jobId, JSON.stringify({ reason: REFUSED[1].repeat(500) }))).toBe(400);
      expect(await refused(jobId, JSON.stringify({ [REFUSED[2]]: REFUSED[2] }))).toBe(400);
      await cancel(jobId, ACCEPTED.join(' '));
      expect((await studio.ended(jobId)).status).toBe('cancelled');
      // Whoever may read it, reads it.
      const trail = await unwrap(studio.client.GET('/api/anime/jobs/{id}/events', { params: { path: { id: jobId } } }));
      expect(JSON.stringify(trail)).toContain(ACCEPTED.join(' '));
    }
    expect(await refused(done, JSON.stringify({ reason: REFUSED[3] }))).toBe(409);
    const keyFiles = await readdir(studio.keysDir);
    expect(keyFiles).toHaveLength(1);
    const keyFile = path.join(studio.keysDir, String(keyFiles[0]));
    const keyText = await readFile(keyFile, 'utf8');
    const apiKey = await unwrap(
      studio.client.POST('/api/anime/keys', { body: { scopes: ['jobs:read'], label: LABEL } }),
    );
    // Whoever mistakes the key for its id.
    const mistaken = { params: { path: { id: apiKey.key } } };
    expect((await studio.client.POST('/api/anime/keys/{id}/revoke', mistaken)).response.status).toBe(400);
    expect(JSON.stringify(await unwrap(studio.client.GET('/api/anime/keys')))).toContain(LABEL);
    const letter = await givenUp(studio, done);
    const discard = (reason: string): Promise<number> =>
      post(`dead-letters/${letter}/discard`, JSON.stringify({ reason }));
    expect(await post(`dead-letters/${letter}/discard`, `{"reason":"${REFUSED[5]}`)).toBe(400);
    expect(await discard(REFUSED[5].repeat(500))).toBe(400);
    expect(await discard(DISCARDED)).toBe(202);
    // It is discarded already: answered as then, and not stored.
    expect(await discard(REFUSED[6])).toBe(202);
    expect(await post(`dead-letters/${uuidv7()}/discard`, JSON.stringify({ reason: REFUSED[6] }))).toBe(404);
    const discarded = studio.client.GET('/api/anime/dead-letters/{id}', { params: { path: { id: letter } } });
    expect(await unwrap(discarded)).toMatchObject({ state: 'discarded', discardReason: { text: DISCARDED } });
    const open = await studio.requestImage({ prompt, steps: 150, seed: 4 });
    await studio.happened(open, JobStartedV2);
    await writeFile(keyFile, 'garbage');
    expect(await refused(open, JSON.stringify({ reason: REFUSED[4] }))).toBe(500);
    await writeFile(keyFile, keyText);
    await cancel(open, ACCEPTED.join(' '));
    await studio.ended(open);
    await studio.rebuildAndCompare();

    const services = SERVICES.map((name) => studio.service(name));
    await studio.stop();
    const key = Buffer.from((JSON.parse(keyText) as { bytes: string }).bytes, 'base64');
    const secrets = [...ACCEPTED, LABEL, DISCARDED, ...REFUSED, apiKey.key.slice(apiKey.hint.length)]
      .flatMap(formsOf)
      .concat(key, ...formsOf(key.toString('base64')));
    const control = formsOf(CONTROL);

    // A data folder that its owner cannot reach as another OS user lies elsewhere.
    const folders = new Set([studio.dir, studio.nats.dataDir, studio.postgres.dataDir]);
    const found: string[] = [];
    for (const folder of folders) {
      expect(await filesWith(folder, secrets)).toMatchObject({ found: [] });
      found.push(...(await filesWith(folder, control)).found.map((name) => path.join(folder, name)));
    }
    for (const place of [
      /streams\/ANIME_EVENTS\/msgs\/\d+\.blk$/,
      /\/pg_wal\/[0-9A-F]{24}$/,
      /\/base\/\d+\/\d+$/,
      /\/library\//,
    ])
      expect(found.filter((file) => place.test(file))).not.toEqual([]);

    for (const { name, lines, output } of services) {
      const written = lines();
      expect({ service: name, lines: written.length }).not.toEqual({ service: name, lines: 0 });
      expect(written.length).toBeLessThan(5_000); // older ones would be gone
      const text = Buffer.from(`${written.map((line) => JSON.stringify(line)).join('\n')}\n${output()}`);
      expect(secrets.filter((secret) => text.includes(secret)).map(String)).toEqual([]);
    }
    const exported = Buffer.from(spans.text());
    expect(exported.toString()).toContain('/api/anime/jobs/:id/cancel');
    expect(secrets.filter((secret) => exported.includes(secret)).map(String)).toEqual([]);
  }, 180_000);
});

describe('the search for words', () => {
  it('finds each form of a word, at every alignment of base64, in names and in the compressed text of a PNG', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'anime-words-'));
    const word = 'zanthörimel';
    const chunk = (kind: string, data: Buffer): Buffer => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(data.byteLength);
      return Buffer.concat([length, Buffer.from(kind), data, Buffer.alloc(4)]);
    };
    const png = (...chunks: Buffer[]): Buffer => Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...chunks]);
    const contents: Record<string, string | Buffer> = {
      plain: `x${word}x`,
      escaped: JSON.stringify({ word }).replace('ö', '\\u00f6'),
      address: `?q=${encodeURIComponent(word)}`,
      hex: Buffer.from(word).toString('hex'),
      utf16: Buffer.from(`ab${word}`, 'utf16le'),
      utf16be: Buffer.from(`ab${word}`, 'utf16le').swap16(),
      latin1: Buffer.from(word, 'latin1'),
      zTXt: png(
        chunk('IHDR', Buffer.alloc(13)),
        chunk('zTXt', Buffer.concat([Buffer.from('k\0\0'), deflateSync(word)])),
      ),
      iTXt: png(chunk('iTXt', Buffer.concat([Buffer.from('k\0\x01\0en\0k\0'), deflateSync(word)]))),
      [`${word}.txt`]: '',
      ...Object.fromEntries(
        [0, 1, 2, 3, 4].map((n) => [`base64-${n}`, Buffer.from(`${'-'.repeat(n)}${word}--`).toString('base64')]),
      ),
    };
    for (const [name, content] of Object.entries(contents)) await writeFile(path.join(folder, name), content);
    await writeFile(path.join(folder, 'other'), 'zanthorimel');
    const { found, files } = await filesWith(folder, formsOf(word));
    expect(found.toSorted()).toEqual(Object.keys(contents).toSorted());
    expect(files).toBe(Object.keys(contents).length + 1);
    await rm(folder, { recursive: true });
  });
});
