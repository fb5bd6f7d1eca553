import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, startNatsServer, type NatsServer, type NatsServerOptions } from '@anime/embedded-servers';

/** Where one server of a cluster is, to write its configuration by. */
export interface ClusterMember {
  readonly name: string;
  /** Its data folder, which exists. */
  readonly dataDir: string;
  /** Where it listens for the others, on 127.0.0.1. */
  readonly routePort: number;
  /** Of every member in the order of the names, its own included. */
  readonly routePorts: readonly number[];
}

export interface NatsCluster extends AsyncDisposable {
  /** In the order of the names. */
  readonly servers: readonly NatsServer[];
  /** All addresses, separated by commas. */
  readonly url: string;
  /** @throws Error when the cluster has no server of this name, e.g. as nobody leads */
  named(name: string | undefined): NatsServer;
}

export interface NatsClusterOptions {
  /** Default: three. */
  readonly names?: readonly string[];
  /** How a member is started where it is not the usual: JetStream on, no users. */
  readonly member?: (member: ClusterMember) => NatsServerOptions | Promise<NatsServerOptions>;
}

/**
 * Starts the nats-servers of one cluster on free ports, with a temporary folder that is removed with them. They may still
 * be electing who keeps the list of streams: whoever makes one tries until it is taken.
 */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  const names = options.names ?? ['n1', 'n2', 'n3'];
  const folder = await mkdtemp(path.join(tmpdir(), 'anime-cluster-'));
  const routePorts = await Promise.all(names.map(() => freePort()));
  const started = await Promise.allSettled(
    names.map(async (name, n) => {
      const dataDir = path.join(folder, name);
      await mkdir(dataDir);
      const member = { name, dataDir, routePort: routePorts[n] ?? 0, routePorts };
      return startNatsServer({ name, dataDir, ...(await (options.member ?? plainMember)(member)) });
    }),
  );
  const servers = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const dispose = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  const failed = started.find((each) => each.status === 'rejected');
  if (failed !== undefined) {
    await dispose();
    throw failed.reason;
  }
  return {
    servers,
    url: servers.map(({ url }) => url).join(','),
    named: (name) => {
      const server = servers[names.indexOf(name ?? '')];
      if (server === undefined) throw new Error(`no server of the cluster is called ${name}`);
      return server;
    },
    [Symbol.asyncDispose]: dispose,
  };
}

function plainMember({ routePort, routePorts }: ClusterMember): NatsServerOptions {
  const routes = routePorts.map((port) => `    "nats-route://127.0.0.1:${port}"`).join('\n');
  return {
    syncAlways: false,
    extraConfig: `cluster {\n  name: test\n  listen: "127.0.0.1:${routePort}"\n  routes: [\n${routes}\n  ]\n}`,
  };
}
