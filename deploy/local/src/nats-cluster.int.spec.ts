import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { JobCancelRequestedV2, SERVICES } from '@anime/contracts';
import { startNatsServer, type NatsServer, type NatsServerOptions } from '@anime/embedded-servers';
import {
  natsUrlFor,
  openLog,
  passwordVariable,
  provision,
  PROVISION_USER,
  uuidv7,
  type JetStreamLog,
} from '@anime/event-store';
import { testEvent } from '@anime/event-store/testing';
import { eventually, startNatsCluster, type ClusterMember, type NatsCluster } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

const COMPOSE = fileURLToPath(new URL('../../compose/nats-cluster.yml', import.meta.url));
const CONFIG = fileURLToPath(new URL('../../nats/cluster.conf', import.meta.url));
const PASSWORD = 'p-of-the-test';
const passwords = Object.fromEntries(
  [...SERVICES, PROVISION_USER, 'route'].map((user) => [passwordVariable(user), PASSWORD]),
);
const HOSTS = ['nats', 'nats-2', 'nats-3'] as const;
/** Where the members listen for each other, in the order of the hosts. */
let ports: readonly number[] = [];

/** The variable of the routes as deploy/compose/nats-cluster.yml has it, with other hosts and ports. */
async function routesTo(ports: readonly number[], login = `route:${PASSWORD}@`): Promise<Record<string, string>> {
  const compose = parse(await readFile(COMPOSE, 'utf8'), { merge: true }) as ComposeOfCluster;
  let routes = compose.services.nats.environment.ANIME_NATS_ROUTES;
  HOSTS.forEach((host, n) => {
    routes = routes.replace(`@${host}:6222`, `@127.0.0.1:${ports[n]}`);
  });
  return { ANIME_NATS_ROUTES: routes.replaceAll('route:${ANIME_NATS_PASSWORD_ROUTE}@', login) };
}

/** The very configuration; only hosts, their ports and the folder of the container are others here. */
async function member({ name, dataDir, routePort, routePorts }: ClusterMember): Promise<NatsServerOptions> {
  ports = routePorts;
  await copyFile(path.join(path.dirname(CONFIG), 'users.conf'), path.join(dataDir, 'users.conf'));
  const extraConfig = (await readFile(CONFIG, 'utf8'))
    .replace('0.0.0.0:6222', `127.0.0.1:${routePort}`)
    .replace('/data', `${dataDir}/volume`)
    .replace('127.0.0.1:8222', '127.0.0.1:-1');
  // The file itself switches JetStream on, with a folder for each.
  return { name, extraConfig, env: { ...passwords, ...(await routesTo(routePorts)) }, jetstream: false };
}

describe('the cluster of deploy/nats/cluster.conf', () => {
  let cluster: NatsCluster;
  let log: JetStreamLog;
  beforeAll(async () => {
    cluster = await startNatsCluster({ names: HOSTS, member });
    // As deploy/compose/nats-cluster.yml has it: the login of the first address is that of all.
    const natsUrl = (user: string): string =>
      cluster.servers.map(({ url }, n) => (n === 0 ? natsUrlFor(url, user, PASSWORD) : url)).join(',');
    // The servers first elect who keeps the list of streams; until then there is nobody to ask.
    await eventually(() => provision({ natsUrl: natsUrl(PROVISION_USER), replicas: 3 }).then(() => true), {
      what: 'the cluster takes streams',
    });
    log = openLog({ natsUrl: natsUrl('gateway'), name: 'gateway' });
  }, 60_000);
  afterAll(async () => {
    await log?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  /** Appends one event, again and again until it is taken, as whoever got `log-unavailable` does. @returns its position */
  const append = async (): Promise<number> => {
    const event = testEvent(JobCancelRequestedV2, uuidv7(), { reason: null });
    const options = { expect: { scope: 'aggregate', lastPosition: 0 } } as const;
    const { position } = await eventually(() => log.append(event, options), { what: 'an event is taken' });
    return position;
  };
  /** The server that leads the log's stream. */
  const leader = async (): Promise<NatsServer> => {
    const response = (await (await log.connected()).request(`$JS.API.STREAM.INFO.${log.stream}`)).json<StreamInfo>();
    return cluster.named(response.cluster.leader);
  };

  it('goes on in the same order when the server that leads is killed, and loses nothing', async () => {
    const before = [await append(), await append()];
    const killed = await leader();
    await killed.kill();
    const meanwhile = [await append(), await append()];
    await killed.restart();
    const positions = [...before, ...meanwhile, await append()];
    expect(positions).toEqual([1, 2, 3, 4, 5]);
    // As with appending: while the server that was killed comes back, a request may find nobody who answers.
    const read = async (): Promise<number[]> => {
      const found: number[] = [];
      for await (const entry of log.read({ after: 0 })) if (entry.status === 'event') found.push(entry.position);
      return found;
    };
    expect(await eventually(read, { what: 'the log is read' })).toEqual(positions);
  }, 120_000);

  it.each([
    ['no', ''],
    ['another', 'route:p-of-somebody@'],
  ])('takes no further server that comes with %s password', async (_, login) => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'anime-stranger-'));
    const { ANIME_NATS_ROUTES: routes } = await routesTo(ports, login);
    const extraConfig = `cluster {\n  name: anime\n  listen: "127.0.0.1:-1"\n  routes: ${routes}\n}`;
    const stranger = await startNatsServer({ name: 'stranger', dataDir, jetstream: false, extraConfig });
    try {
      const refusals = async (): Promise<string[]> =>
        (await readFile(path.join(dataDir, 'nats-server.log'), 'utf8')).match(/rid:\d+ .*Authorization Violation/g) ??
        [];
      await eventually(async () => (await refusals()).length >= HOSTS.length, { what: 'the stranger is refused' });
    } finally {
      await stranger.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('takes nothing while two are away, says so, and goes on when they are back', async () => {
    const [first, second] = cluster.servers;
    await Promise.all([first?.kill(), second?.kill()]);
    const refused = log.append(testEvent(JobCancelRequestedV2, uuidv7(), { reason: null }));
    await expect(refused).rejects.toMatchObject({ code: 'log-unavailable', retryable: true });
    await Promise.all([first?.restart(), second?.restart()]);
    await expect(append()).resolves.toBeGreaterThan(5);
  }, 120_000);
});

interface ComposeOfCluster {
  readonly services: { readonly nats: { readonly environment: { readonly ANIME_NATS_ROUTES: string } } };
}
interface StreamInfo {
  readonly cluster: { readonly leader?: string };
}
