import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { executorDurable, JobExecutedV2, ORGANIZER_DURABLE, SCORER_DURABLE, SERVICES } from '@anime/contracts';
import {
  executorIdOf,
  natsUrlFor,
  openLog,
  passwordVariable,
  PROVISION_USER,
  quoted,
  renderNatsUsers,
  studioRights,
  uuidv7,
  provision,
  type JetStreamLog,
} from '@anime/event-store';
import { useNats } from '@anime/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anime } from './testing/anime.js';

const SHA = 'a'.repeat(64);
const STREAM = 'ANIME_EVENTS';

async function appendFact(log: JetStreamLog): Promise<void> {
  const id = uuidv7();
  await log.append({
    contract: JobExecutedV2,
    aggregateId: uuidv7(),
    id,
    time: new Date().toISOString(),
    correlationId: id,
    actor: 'service:comfyui-executor',
    data: {
      attempt: 1,
      executorId: uuidv7(),
      promptId: uuidv7(),
      variant: 'normal',
      graphHash: SHA,
      cached: false,
      outputs: [
        {
          node: '7',
          index: 0,
          kind: 'image',
          role: 'final',
          blob: SHA,
          size: 1,
          mediaType: 'image/png',
          filename: 'a.png',
          pixelSha256: null,
        },
      ],
      executionMs: 1,
      cachedNodes: [],
      models: [],
      vramPeakBytes: null,
    },
  });
}

describe('provision', () => {
  const nats = useNats();
  const old = useNats({ jetstream: false });

  it('creates what is missing, says so, and finds it all the second time', async () => {
    const { url } = await nats.server();
    const first = await anime(['provision'], { NATS_URL: url });
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out.split('\n')).toEqual(
      expect.arrayContaining([
        'created  stream ANIME_EVENTS',
        'created  stream ANIME_PROGRESS',
        'created  durable quality-scorer',
      ]),
    );
    const second = await anime(['provision', '--nats', url, '--json']);
    expect(JSON.parse(second.out)).toEqual({
      created: [],
      updated: [],
      found: first.out
        .trim()
        .split('\n')
        .map((line) => line.replace('created  ', '')),
    });
    await expect(provision({ natsUrl: url })).resolves.toMatchObject({ created: [] });
  });

  it('says which buckets of an earlier build it brought up', async () => {
    const { url } = await nats.server();
    const manager = await jetstreamManager(await nats.connection());
    await manager.streams.update('KV_ANIME_LEASES', { allow_rollup_hdrs: true });
    expect((await anime(['provision'], { NATS_URL: url })).out).toContain('updated  stream KV_ANIME_LEASES\n');
  });

  it('refuses drift, naming each difference, and changes nothing', async () => {
    const { url } = await nats.server();
    const manager = await jetstreamManager(await nats.connection());
    await manager.streams.update('ANIME_PROGRESS', { max_msgs_per_subject: 7 });
    const refused = await anime(['provision'], { NATS_URL: url });
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toContain('stream ANIME_PROGRESS: max_msgs_per_subject is 7, needed is 2048');
    expect((await manager.streams.info('ANIME_PROGRESS')).config.max_msgs_per_subject).toBe(7);
    await manager.streams.update('ANIME_PROGRESS', { max_msgs_per_subject: 2048 });
  });

  it('takes how many servers keep the log, and no number that cannot elect a leader', async () => {
    const { url } = await nats.server();
    const three = await anime(['provision', '--nats', url, '--replicas', '3']);
    expect(three.err).toContain('stream ANIME_EVENTS: num_replicas is 1, needed is 3');
    expect(await anime(['provision', '--nats', url, '--replicas', '2'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/Allowed choices are 1, 3, 5/),
    });
  });

  it('refuses a server without JetStream in one clear sentence', async () => {
    const refused = await anime(['provision', '--nats', (await old.server()).url]);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/has no JetStream/);
  });

  it('says what to do when nothing answers', async () => {
    expect(await anime(['provision', '--nats', 'nats://127.0.0.1:1'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/cannot be reached.*\n.*--nats or NATS_URL/),
    });
  });
});

describe('nats-users', () => {
  it('writes the file of docker compose: when this fails, the contracts changed; write it anew', async () => {
    const written = await readFile(new URL('../../../deploy/nats/users.conf', import.meta.url), 'utf8');
    const { code, out } = await anime(['nats-users']);
    expect(code).toBe(0);
    expect(out === written ? 'as written' : 'npm run -s anime -- nats-users > deploy/nats/users.conf').toBe(
      'as written',
    );
  });

  it('gives rights to the executors that are named, in the option or in COMFYUI_URLS', async () => {
    const durable = (name: string, studio = 'studio'): string => executorDurable(executorIdOf(studio, name));
    const byOption = await anime(['nats-users', '--executors', 'gpu-a, gpu-b', '--studio', 'north']);
    for (const name of ['gpu-a', 'gpu-b']) expect(byOption.out).toContain(durable(name, 'north'));
    expect(byOption.out).not.toContain(durable('comfyui-1', 'north'));
    const byServers = await anime(['nats-users'], { COMFYUI_URLS: 'gpu-c=http://10.0.0.5:8188,http://10.0.0.6:8188' });
    for (const name of ['gpu-c', 'comfyui-2']) expect(byServers.out).toContain(durable(name));
  });

  it('makes a new password for each user, and for the routes of a cluster, every time, that nats-server reads as a word', async () => {
    const lines = async (): Promise<string[]> => (await anime(['nats-users', '--passwords'])).out.trim().split('\n');
    const [first, second] = [await lines(), await lines()];
    const logins = [...SERVICES, PROVISION_USER, 'route'];
    expect(first.map((line) => line.split('=')[0])).toEqual(logins.map((login) => passwordVariable(login)));
    expect(new Set([...first, ...second]).size).toBe(2 * first.length);
    for (const line of first) expect(line).toMatch(/^ANIME_NATS_PASSWORD_[A-Z_]+=p[0-9a-f]{40}$/);
  });

  it('refuses a name that no executor can have', async () => {
    const refused = await anime(['nats-users', '--executors', 'gpu a']);
    expect(refused).toMatchObject({ code: 2, out: '', err: expect.stringContaining('"gpu a"') });
  });
});

describe('a user who may not', () => {
  const nats = useNats({
    extraConfig: renderNatsUsers(studioRights({ executorIds: [] }), (user) => quoted(`of-${user}`)),
  });

  it('is told to log in as provision', async () => {
    const { url } = await nats.server();
    const wayOut = expect.stringMatching(/\nLog in as .*nats:\/\/provision:/);
    for (const login of [url, natsUrlFor(url, 'gateway', 'of-gateway'), natsUrlFor(url, 'provision', 'wrong')])
      expect(await anime(['provision'], { NATS_URL: login })).toMatchObject({ code: 1, out: '', err: wayOut });
    const NATS_URL = natsUrlFor(url, 'provision', 'of-provision');
    expect(await anime(['provision'], { NATS_URL })).toMatchObject({ code: 0, err: '' });
    expect((await anime(['consumers', 'list'], { NATS_URL })).out).toMatch(/^quality-scorer +present/m);
  });
});

describe('consumers', () => {
  const nats = useNats();
  let url: string;
  let log: JetStreamLog;

  beforeAll(async () => {
    ({ url } = await nats.server());
    log = openLog({ natsUrl: url, name: 'test' });
  });
  afterAll(() => log.close());

  it('create says to provision first when there is no stream', async () => {
    const refused = await anime(['consumers', 'create', SCORER_DURABLE.name, '--from-start', '--nats', url]);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('npm run anime -- provision') });
  });

  it('list shows what each has to do, and names the command that repairs a missing one', async () => {
    expect((await anime(['provision', '--nats', url])).code).toBe(0);
    await appendFact(log);
    await appendFact(log);
    const manager = await jetstreamManager(await nats.connection());
    await manager.consumers.delete(STREAM, ORGANIZER_DURABLE.name);

    const listed = await anime(['consumers', 'list', '--nats', url]);
    expect(listed.code).toBe(0);
    expect(listed.out).toMatch(/^quality-scorer +present +2 +0 +0 +0 +measures/m);
    expect(listed.out).toMatch(/^file-organizer +missing +- +- +- +- /m);
    expect(listed.err).toContain('npm run anime -- consumers create file-organizer --from-now|--from-start');
  });

  it('create repairs a missing durable from the start or from now, and leaves one that is there', async () => {
    const create = (name: string, flag: string) => anime(['consumers', 'create', name, flag, '--nats', url]);
    const pending = async (name: string): Promise<number> => {
      const { out } = await anime(['consumers', 'list', '--json', '--nats', url]);
      const { consumers } = JSON.parse(out) as { consumers: { name: string; pending: number }[] };
      return consumers.find((consumer) => consumer.name === name)?.pending ?? Number.NaN;
    };
    expect((await create(ORGANIZER_DURABLE.name, '--from-start')).out).toBe(
      'created  durable file-organizer, from the start of the log\n',
    );
    expect(await pending(ORGANIZER_DURABLE.name)).toBe(2);
    expect((await create(ORGANIZER_DURABLE.name, '--from-now')).out).toBe(
      'found    durable file-organizer; nothing was changed\n',
    );
    expect(await pending(ORGANIZER_DURABLE.name)).toBe(2);

    await (await jetstreamManager(await nats.connection())).consumers.delete(STREAM, ORGANIZER_DURABLE.name);
    expect((await create(ORGANIZER_DURABLE.name, '--from-now')).out).toBe(
      'created  durable file-organizer, from now on\n',
    );
    expect(await pending(ORGANIZER_DURABLE.name)).toBe(0);
    await expect(provision({ natsUrl: url })).resolves.toMatchObject({ created: [] });
  });

  it("create makes an executor's durable by its name in the studio, or by its id, as the executor would", async () => {
    const id = executorIdOf('north', 'big-gpu');
    const byName = await anime(['consumers', 'create', 'executor:big-gpu', '--from-start', '--json'], {
      NATS_URL: url,
      ANIME_STUDIO: 'north',
    });
    expect(JSON.parse(byName.out)).toEqual({ name: executorDurable(id), created: true, from: 'start' });
    const byId = await anime(['consumers', 'create', `executor-${id}`, '--from-start', '--nats', url]);
    expect(byId.out).toContain('nothing was changed');
    const { config } = await (
      await jetstreamManager(await nats.connection())
    ).consumers.info(STREAM, executorDurable(id));
    expect(config).toMatchObject({
      filter_subject: `anime.job.*.orchestrator.${id}`,
      ack_wait: 10_000_000_000,
      max_deliver: -1,
      ack_policy: 'explicit',
    });
  });

  it.each([
    [['create', 'quality-scorer']],
    [['create', 'quality-scorer', '--from-now', '--from-start']],
    [['create', 'nobody', '--from-now']],
    [['create', 'executor:Not A Slug', '--from-now']],
    [['create']],
    [['frobnicate']],
  ])('%j is a wrong command line: exit code 2', async (args) => {
    expect(await anime(['consumers', ...args, '--nats', url])).toMatchObject({ code: 2, out: '' });
  });

  it('--help names every durable and every exit code', async () => {
    const help = await anime(['consumers', 'create', '--help']);
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain('quality-scorer, file-organizer');
    expect((await anime(['--help'])).out).toMatch(/Exit codes:\n {2}0 {2}done/);
  });
});

describe('jobs', () => {
  const ID = '0199f0f0-0000-7000-8000-000000000001';
  const NOT_FOUND = {
    type: 'urn:anime:problem:job-not-found',
    title: 'There is no such job',
    status: 404,
    detail: 'no job here',
    instance: '/',
    code: 'job-not-found',
    retryable: false,
    requestId: 'r1',
  };
  const SUMMARY = {
    id: ID,
    status: 'running',
    type: 'image',
    attempt: 1,
    requestedAt: '2026-01-02T03:04:05.678Z',
    prompt: 'a fox\nin snow',
  };
  let server: Server;
  let gateway: string;
  const seen: string[] = [];
  const bodies: string[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => bodies.push(Buffer.concat(chunks).toString()));
      const [status, body] = request.url?.startsWith('/api/anime/jobs?')
        ? [200, { jobs: [SUMMARY], nextCursor: 'more', position: 7 }]
        : request.url?.endsWith('/cancel')
          ? [202, { jobId: ID, position: 9 }]
          : [404, NOT_FOUND];
      response
        .writeHead(status, { 'content-type': status === 404 ? 'application/problem+json' : 'application/json' })
        .end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('list asks the gateway, prints a line for each job and how to see more', async () => {
    const listed = await anime(['jobs', 'list', '--status', 'queued,running', '--limit', '1'], {
      ANIME_GATEWAY: gateway,
    });
    expect(seen.at(-1)).toBe('GET /api/anime/jobs?status=queued&status=running&limit=1');
    expect(listed).toMatchObject({ code: 0, err: expect.stringContaining('--cursor more') });
    expect(listed.out).toMatch(new RegExp(`^${ID} +running +image +1 +2026-01-02T03:04:05.678Z +a fox in snow$`, 'm'));
  });

  it('cancel says that the wish is in the log, as JSON when asked', async () => {
    const cancelled = await anime(['jobs', 'cancel', ID, '--json', '--gateway', gateway]);
    expect(JSON.parse(cancelled.out)).toEqual({ jobId: ID, position: 9 });
    expect(seen.at(-1)).toBe(`POST /api/anime/jobs/${ID}/cancel`);
    expect(bodies.at(-1)).toBe('{}');
  });

  it('cancel passes a reason on', async () => {
    const cancelled = await anime(['jobs', 'cancel', ID, '--reason', 'too dark', '--gateway', gateway]);
    expect(cancelled).toMatchObject({ code: 0, out: expect.stringContaining('is in the log') });
    expect(bodies.at(-1)).toBe('{"reason":"too dark"}');
  });

  it("show fails with the gateway's reason and the next step", async () => {
    const shown = await anime(['jobs', 'show', ID, '--gateway', gateway]);
    expect(shown).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/no job here\n.*jobs list/) });
  });

  it('says what to do when no gateway answers', async () => {
    const failed = await anime(['jobs', 'list', '--gateway', 'http://127.0.0.1:9']);
    expect(failed).toMatchObject({
      code: 1,
      err: expect.stringMatching(/cannot be reached at http:\/\/127.0.0.1:9.*\n.*--gateway/),
    });
  });
});
