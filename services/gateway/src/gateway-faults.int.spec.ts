import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNatsServer, startPostgres, type PostgresServer } from '@anime/embedded-servers';
import { provision, type EventLog } from '@anime/event-store';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { createTestDatabase, eventually, freePort, useNats } from '@anime/testing';
import { describe, expect, it } from '@jest/globals';
import { startTestGateway, type TestGateway } from './testing/test-gateway.js';

const IMAGE = '/api/anime/generate/image';
const NOWHERE = 'postgres://nobody:nothing@127.0.0.1:1/nothing';
const WORKFLOWS = fileURLToPath(new URL('../../../workflows', import.meta.url));
const check = new AnswerCheck();
const submit = (gateway: TestGateway) => gateway.send('POST', IMAGE, { body: { prompt: 'a fox' } });
const submitClip = (gateway: TestGateway) =>
  gateway.send('POST', '/api/anime/generate/video', { body: { prompt: 'a fox', frames: 8, fps: 8 } });

/** A folder with the built-in templates that a test may change. */
async function copyOfWorkflows(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'workflows-'));
  await cp(WORKFLOWS, path, { recursive: true });
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const PROJECTS = '/api/anime/projects';
const FILM = { slug: 'film', title: 'Film', settings: { waitingLimit: 100 } };
/** In an order in which all of them can succeed. */
const COMMANDS_ON_PROJECTS = [
  ['POST', PROJECTS, FILM],
  ['POST', IMAGE, { prompt: 'a fox', project: 'film' }],
  ['PUT', `${PROJECTS}/film/settings`, {}],
  ['POST', `${PROJECTS}/film/archive`, {}],
] as const;

async function typesIn(log: EventLog): Promise<string[]> {
  const types: string[] = [];
  for await (const entry of log.read({ after: 0 })) if (entry.status === 'event') types.push(entry.event.type);
  return types;
}

async function ready(
  gateway: TestGateway,
): Promise<{ status: number; checks: Record<string, { ok: boolean; reason: string | null }> }> {
  const response = await fetch(`${gateway.url}/ready`);
  const { checks } = (await response.json()) as { checks: { name: string; ok: boolean; reason: string | null }[] };
  return { status: response.status, checks: Object.fromEntries(checks.map(({ name, ...rest }) => [name, rest])) };
}

describe('while NATS is away', () => {
  const nats = useNats();

  it('commands get 503 quickly and are not stored later; reading goes on; everything resumes by itself', async () => {
    await using database = await createTestDatabase();
    const server = await nats.server();
    await using gateway = await startTestGateway({ natsUrl: server.url, databaseUrl: database.url, check });
    const { body: job } = await submit(gateway);
    const self = `/api/anime/jobs/${String(job['jobId'])}`;
    expect(await gateway.send('GET', `${self}?after=${String(job['position'])}`)).toMatchObject({ status: 200 });
    await gateway.send('POST', PROJECTS, { body: FILM });
    expect(await gateway.send('GET', `${PROJECTS}/film`)).toMatchObject({ status: 200 });
    const before = await gateway.log.end();

    await server.kill();
    const began = performance.now();
    const refused = await submit(gateway);
    expect(performance.now() - began).toBeLessThan(3_000);
    const hint = expect.stringMatching(/see whether GET \/api\/anime\/jobs\/[0-9a-f-]{36} knows it$/);
    expect(refused).toMatchObject({ status: 503, body: { code: 'log-unavailable', retryable: true, detail: hint } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await gateway.send('POST', `${self}/cancel`)).toMatchObject({
      status: 503,
      body: { code: 'log-unavailable' },
    });
    for (const [method, path, body] of COMMANDS_ON_PROJECTS) {
      const asked = performance.now();
      expect(await gateway.send(method, path, { body })).toMatchObject({
        status: 503,
        body: { code: 'log-unavailable', retryable: true },
      });
      expect(performance.now() - asked).toBeLessThan(3_000);
    }
    expect(await gateway.send('GET', `${PROJECTS}/film`)).toMatchObject({ status: 200, body: { slug: 'film' } });
    expect(await gateway.send('GET', self)).toMatchObject({ status: 200, body: { id: job['jobId'] } });
    expect(await gateway.send('GET', '/api/anime/system')).toMatchObject({
      status: 200,
      body: { log: { reachable: false, end: null }, readModel: { reachable: true } },
    });
    expect(await ready(gateway)).toMatchObject({
      status: 503,
      checks: { log: { ok: false, reason: expect.stringMatching(/./) }, 'read-model': { ok: true } },
    });

    await server.restart();
    const { body } = await eventually(
      async () => ((answer) => answer.status === 202 && answer)(await submit(gateway)),
      { what: 'commands are taken again' },
    );
    expect(body['position']).toBe(before + 1);
    expect(
      await gateway.send('GET', `/api/anime/jobs/${String(body['jobId'])}?after=${String(body['position'])}&wait=10`),
    ).toMatchObject({ status: 200 });
  }, 30_000);
});

describe('while PostgreSQL is away', () => {
  const nats = useNats();

  it('commands are accepted, reads get 503, and what was accepted is shown afterwards', async () => {
    const postgres: PostgresServer = await startPostgres();
    try {
      await using gateway = await startTestGateway({
        natsUrl: (await nats.server()).url,
        databaseUrl: postgres.url(),
        check,
      });
      await postgres.kill();
      const { status, body: job } = await submit(gateway);
      expect(status).toBe(202);
      const self = `/api/anime/jobs/${String(job['jobId'])}`;
      expect(await gateway.send('POST', `${IMAGE}?wait=1`, { body: { prompt: 'a fox' } })).toMatchObject({
        status: 202,
      });
      expect(await gateway.send('POST', `${self}/cancel`)).toMatchObject({ status: 202 });
      for (const [method, path, body] of COMMANDS_ON_PROJECTS) {
        expect((await gateway.send(method, path, { body })).status).toBeLessThan(300);
      }
      const projects = [PROJECTS, `${PROJECTS}/film`];
      for (const path of [self, `${self}/events`, '/api/anime/jobs', '/api/anime/queue', ...projects]) {
        const answer = await gateway.send('GET', path);
        expect(answer).toMatchObject({ status: 503, body: { code: 'read-model-unavailable', retryable: true } });
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      }
      expect(await gateway.send('GET', '/api/anime/system')).toMatchObject({
        status: 200,
        body: { log: { reachable: true }, readModel: { reachable: false, position: null } },
      });
      expect(await ready(gateway)).toMatchObject({
        status: 503,
        checks: { log: { ok: true }, 'read-model': { ok: false } },
      });

      await postgres.restart();
      const seen = await eventually(
        async () => ((answer) => answer.status === 200 && answer)(await gateway.send('GET', self)),
        { what: 'the job is shown' },
      );
      expect(seen.body).toMatchObject({ id: job['jobId'], cancelRequested: true });
    } finally {
      await postgres.stop();
    }
  }, 60_000);
});

describe('when the log is replaced by another one under a running gateway', () => {
  const nats = useNats();

  it('its own templates are registered there and known, commands are taken, and the read-model waits for its rebuild', async () => {
    await using database = await createTestDatabase();
    const server = await nats.server();
    await using workflows = await copyOfWorkflows();
    await using gateway = await startTestGateway({
      natsUrl: server.url,
      databaseUrl: database.url,
      check,
      env: { ANIME_WORKFLOWS_DIR: workflows.path },
    });
    const { body: job } = await submit(gateway);
    const self = `/api/anime/jobs/${String(job['jobId'])}`;
    expect(await gateway.send('GET', `${self}?after=${String(job['position'])}`)).toMatchObject({ status: 200 });
    expect(await submitClip(gateway)).toMatchObject({ status: 202 });
    await server.kill();
    // So the other log never gets it.
    await rm(join(workflows.path, 'text-to-animation'), { recursive: true });
    await rm(join(server.dataDir, 'jetstream'), { recursive: true });
    await server.restart();
    await provision({ natsUrl: server.url });

    const taken = await eventually(async () => ((answer) => answer.status === 202 && answer)(await submit(gateway)), {
      what: 'commands are taken',
    });
    expect(await gateway.log.lastOfAggregate('job', String(taken.body['jobId']))).toMatchObject({ status: 'event' });
    await eventually(async () => (await typesIn(gateway.log)).includes('workflow.registered') || undefined, {
      what: 'the templates are registered in the new log',
    });
    const { reason } = await eventually(
      async () =>
        ((check) => check?.reason?.includes('stopped') === true && check)((await ready(gateway)).checks['consumers']),
      { what: 'the read-model is stopped' },
    );
    expect(reason).toMatch(/^jobs is stopped: .*: npm run rebuild -w @anime\/gateway$/);
    expect((await ready(gateway)).checks['templates']).toEqual({ ok: true, reason: null });
    expect(await submitClip(gateway)).toMatchObject({ status: 404, body: { code: 'template-not-found' } });
  }, 60_000);
});

describe('while JetStream is full', () => {
  const nats = useNats({ storeMaxBytes: 256 * 1024 });

  it('commands get 503 with the reason, and nothing of them is stored', async () => {
    await using database = await createTestDatabase();
    await using gateway = await startTestGateway({
      natsUrl: (await nats.server()).url,
      databaseUrl: database.url,
      check,
    });
    let answer = await submit(gateway);
    for (let n = 0; n < 100 && answer.status === 202; n += 1) {
      answer = await gateway.send('POST', IMAGE, { body: { prompt: 'x'.repeat(20_000) } });
    }
    expect(answer).toMatchObject({
      status: 503,
      body: { code: 'log-full', retryable: true, detail: expect.stringMatching(/no room/) },
    });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    const end = await gateway.log.end();
    expect(await gateway.send('POST', IMAGE, { body: { prompt: 'x'.repeat(20_000) } })).toMatchObject({ status: 503 });
    expect(await gateway.log.end()).toBe(end);
    const full = { ok: false, reason: expect.stringMatching(/no room/) };
    expect(await ready(gateway)).toMatchObject({ status: 503, checks: { log: full } });
  }, 30_000);
});

describe('a gateway that starts', () => {
  const nats = useNats();

  it('before NATS and without PostgreSQL says what is missing, and takes commands once NATS is there', async () => {
    const port = await freePort();
    await using gateway = await startTestGateway({
      natsUrl: `nats://127.0.0.1:${port}`,
      databaseUrl: NOWHERE,
      check,
      untilReady: false,
    });
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
    expect(await ready(gateway)).toMatchObject({
      status: 503,
      checks: {
        log: { ok: false },
        'read-model': { ok: false },
        templates: { ok: false, reason: expect.stringMatching(/not registered|not been read/) },
      },
    });
    const began = performance.now();
    expect(await submit(gateway)).toMatchObject({ status: 503, body: { code: 'log-unavailable' } });
    expect(performance.now() - began).toBeLessThan(3_000);
    const server = await startNatsServer({ port, syncAlways: false });
    try {
      await provision({ natsUrl: server.url });
      await eventually(async () => (await submit(gateway)).status === 202, {
        what: 'commands are taken',
      });
      expect((await ready(gateway)).checks['templates']).toEqual({ ok: true, reason: null });
    } finally {
      await gateway[Symbol.asyncDispose]();
      await server.stop();
    }
  }, 40_000);

  it('again registers nothing twice, and names a template that was changed under its version', async () => {
    await using database = await createTestDatabase();
    await using workflows = await copyOfWorkflows();
    const options = { natsUrl: (await nats.server()).url, databaseUrl: database.url, check };
    await using first = await startTestGateway(options);
    const end = await first.log.end();
    await first[Symbol.asyncDispose]();
    const path = join(workflows.path, 'text-to-image', 'v1', 'manifest.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace(/"vramGb": [\d.]+/, '"vramGb": 99'));
    await using second = await startTestGateway({
      ...options,
      untilReady: false,
      env: { ANIME_WORKFLOWS_DIR: workflows.path },
    });
    const { reason } = await eventually(
      async () =>
        ((check) => check?.reason?.includes('changed') === true && check)((await ready(second)).checks['templates']),
      { what: 'the changed template is named' },
    );
    expect(reason).toMatch(/text-to-image@1 is not registered: the manifest of text-to-image@1 changed .* \(v2\)/);
    expect(await submit(second)).toMatchObject({ status: 202, body: { position: end + 1 } });
  }, 40_000);
});
