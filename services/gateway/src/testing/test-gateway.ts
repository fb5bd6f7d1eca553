import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLog, provision, type JetStreamLog } from '@anime/event-store';
import { createGatewayClient, type GatewayClient } from '@anime/gateway-client';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { runService } from '@anime/service-runtime';
import { createTestDatabase, eventually, type TestNats } from '@anime/testing';
import { composeGateway } from '../app.module.js';
import { readGatewayConfig } from '../config.js';

export interface TestGateway extends AsyncDisposable {
  readonly url: string;
  /** Every answer is held against the OpenAPI document. */
  readonly client: GatewayClient;
  /** Sends anything, also what the client's types forbid; the answer is held against the document all the same. */
  send(
    method: string,
    path: string,
    options?: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<Answer>;
  /** The same log, through a connection of the test's own. */
  readonly log: JetStreamLog;
  /** Where its keys of sealed text are. */
  readonly keysDir: string;
  /** Where its blobs are. */
  readonly blobsDir: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface TestGatewayOptions {
  readonly natsUrl: string;
  readonly databaseUrl: string;
  readonly check: AnswerCheck;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: until `/ready` answers 200. */
  readonly untilReady?: boolean;
}

/** Runs a gateway in this process, as `main.ts` does, on a free port, against real servers. */
export async function startTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-'));
  const { natsUrl, databaseUrl, check } = options;
  const log = openLog({ natsUrl, name: 'test' });
  if (options.untilReady !== false) await provision({ natsUrl });
  const config = readGatewayConfig({
    NATS_URL: natsUrl,
    DATABASE_URL: databaseUrl,
    PORT: '0',
    LOG_LEVEL: 'silent',
    ANIME_BLOBS_DIR: join(folder, 'blobs'),
    ANIME_KEYS_DIR: join(folder, 'keys'),
    ...options.env,
  });
  const service = await runService(composeGateway(config).options);
  const gateway: TestGateway = {
    url: service.url,
    keysDir: config.ANIME_KEYS_DIR,
    blobsDir: config.ANIME_BLOBS_DIR,
    client: createGatewayClient(service.url, { fetch: check.fetch }),
    log,
    send: async (method, path, { body, headers } = {}) => {
      const response = await check.fetch(`${service.url}${path}`, {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] };
    },
    [Symbol.asyncDispose]: async () => {
      await service.stop();
      await log.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  if (options.untilReady !== false) {
    await eventually(async () => (await fetch(`${service.url}/ready`)).ok, {
      what: 'the gateway is ready',
    });
  }
  return gateway;
}

export interface OwnGateway extends TestGateway {
  readonly databaseUrl: string;
}

/** The same with a database of its own, which is dropped with it. */
export async function startOwnGateway(
  nats: TestNats,
  options: Omit<TestGatewayOptions, 'natsUrl' | 'databaseUrl'>,
): Promise<OwnGateway> {
  const database = await createTestDatabase();
  const natsUrl = (await nats.server()).url;
  const gateway = await startTestGateway({ ...options, natsUrl, databaseUrl: database.url });
  return {
    ...gateway,
    databaseUrl: database.url,
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
