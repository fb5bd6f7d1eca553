import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CATALOGUE, SERVICES, type ServiceName } from '@anime/contracts';
import { nodeOptionsOf } from '@anime/embedded-servers';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const FILES = ['docker-compose.yml', 'deploy/compose/nats-cluster.yml'];

interface ComposeService {
  readonly image?: string;
  readonly restart?: string;
  readonly build?: { readonly dockerfile: string; readonly args: { readonly SERVICE: string } };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period?: string;
}
interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const read = async (file: string): Promise<string> => readFile(path.join(ROOT, file), 'utf8');
const composeOf = async (file: string): Promise<Compose> => parse(await read(file), { merge: true }) as Compose;

/** What a service reads and docker-compose.yml does not set, and why. */
const NOT_SET: Readonly<Record<string, string>> = {
  PORT: 'each container has its own ports: the default is published',
  ANIME_LOCAL_USER: 'possible only where HOST is loopback',
  'gateway ANIME_LIBRARY_DIR': 'it has no library mounted',
  'gateway ANIME_WORKFLOWS_DIR': 'the templates lie in the image',
};

/** The variables that a service reads, with their defaults, as its `--help` lists them. */
async function variablesOf(service: ServiceName): Promise<string> {
  const { stdout } = await run(process.execPath, [path.join(ROOT, 'services', service, 'dist/main.js'), '--help']);
  return stdout;
}

describe('docker-compose.yml', () => {
  let compose: Compose;
  beforeAll(async () => {
    compose = await composeOf('docker-compose.yml');
  });
  const of = (name: string): ComposeService => compose.services[name] ?? {};
  const passwordOf = (user: string): string => `ANIME_NATS_PASSWORD_${user.toUpperCase().replaceAll('-', '_')}`;

  it.each(SERVICES)(
    'builds %s from the one Dockerfile and sets only variables that it reads and the options of Node that npm start sets, its own NATS user first',
    async (name) => {
      const { build, environment = {} } = of(name);
      expect(build).toMatchObject({ dockerfile: 'deploy/docker/Dockerfile', args: { SERVICE: name } });
      const variables = await variablesOf(name);
      const { NODE_OPTIONS: nodeOptions, ...own } = environment;
      expect(nodeOptions).toBe(nodeOptionsOf(name).NODE_OPTIONS);
      for (const variable of Object.keys(own)) expect(variables).toMatch(new RegExp(`^\\s*${variable}\\b`, 'm'));
      expect(environment['NATS_URL']).toContain(`nats://${name}:\${${passwordOf(name)}:`);
      // Without these it would keep files that no other service finds, or that go with the container.
      for (const folder of variables.match(/\bANIME_\w+_DIR\b/g) ?? []) {
        if (folder === 'ANIME_WORKFLOWS_DIR' || (name === 'gateway' && folder === 'ANIME_LIBRARY_DIR')) continue;
        expect(environment).toHaveProperty(folder);
        expect(mounted(of(name), environment[folder] ?? '')).toBe(true);
      }
    },
  );

  it.each(SERVICES)('lets .env set every variable that %s reads', async (name) => {
    const read = [...(await variablesOf(name)).matchAll(/^ {2}([A-Z][A-Z_]+) /gm)].map(([, variable = '']) => variable);
    expect(read).toContain('LOG_LEVEL');
    const { environment = {} } = of(name);
    const missing = read.filter((variable) => !(variable in environment));
    expect(missing.filter((variable) => !(variable in NOT_SET) && !(`${name} ${variable}` in NOT_SET))).toEqual([]);
    for (const [variable, value] of Object.entries(environment))
      if (value.startsWith('${')) expect(value).toMatch(new RegExp(`^\\$\\{${variable}:[-+][^}]*\\}$`));
  });

  it('publishes a port only to this machine, and the one that the service has', async () => {
    for (const [name, { ports = [] }] of Object.entries(compose.services)) {
      for (const port of ports) {
        const [, inside] = /^127\.0\.0\.1:(\d+):\1$/.exec(port) ?? [];
        expect(inside).toBeDefined();
        const known = SERVICES.find((service) => service === name);
        if (known !== undefined)
          expect(await variablesOf(known)).toMatch(new RegExp(`PORT.*${inside}|PORT[\\s\\S]{0,200}${inside}`));
      }
    }
  });

  it('mounts only files that there are and volumes that it declares', async () => {
    for (const file of FILES) {
      const { services, volumes } = await composeOf(file);
      for (const volume of Object.values(services).flatMap((service) => service.volumes ?? [])) {
        // A folder that .env may name has a volume in its place otherwise.
        const [source = ''] = volume.replace(/^\$\{\w+:-([^}]*)\}/, '$1').split(':');
        if (source.startsWith('./')) await expect(access(path.join(ROOT, source))).resolves.toBeUndefined();
        else expect({ ...compose.volumes, ...volumes }).toHaveProperty(source);
      }
    }
  });

  it('has every service asked for its figures, at the port that it has', async () => {
    const { scrape_configs } = parse(await read('deploy/observability/prometheus.yml')) as {
      scrape_configs: { dns_sd_configs: { names: ServiceName[]; type: string; port: number }[] }[];
    };
    // By DNS: one name is several addresses when a service has several instances.
    const asked = scrape_configs.flatMap((job) => job.dns_sd_configs);
    expect(asked.flatMap(({ names }) => names).toSorted()).toEqual([...SERVICES].toSorted());
    for (const { names, type, port } of asked) {
      expect(type).toBe('A');
      for (const name of names) expect(await variablesOf(name)).toContain(String(port));
    }
  });

  it('lets a service of the cluster reach every one of its servers, also while one of them is away', async () => {
    const { services } = await composeOf('deploy/compose/nats-cluster.yml');
    const servers = Object.keys(services).filter((name) => services[name]?.command?.includes('/etc/nats/cluster.conf'));
    expect(servers).toHaveLength(3);
    for (const user of [...SERVICES, 'provision']) {
      const url = services[user]?.environment?.['NATS_URL'] ?? '';
      expect(url).toContain(`nats://${user}:\${${passwordOf(user)}}@`);
      const hosts = url.split(',').map((address) => new URL(address.replace(/\/\/.*@/, '//')).host);
      expect(hosts).toEqual(servers.map((server) => `${server}:4222`));
    }
  });

  it('gives each server of the cluster its routes to all of them, with the login that they ask for', async () => {
    const { services } = await composeOf('deploy/compose/nats-cluster.yml');
    const servers = ['nats', 'nats-2', 'nats-3'];
    for (const server of servers) {
      const { ANIME_NATS_PASSWORD_ROUTE: password = '', ANIME_NATS_ROUTES: routes = '' } =
        services[server]?.environment ?? {};
      expect(password).toMatch(/^\$\{ANIME_NATS_PASSWORD_ROUTE:\?[^}]+\}$/);
      expect(JSON.parse(routes)).toEqual(
        servers.map((host) => `nats-route://route:\${ANIME_NATS_PASSWORD_ROUTE}@${host}:6222`),
      );
    }
  });

  it('starts again whatever ends, also with the machine, but what makes the streams only when it failed', async () => {
    for (const file of FILES) {
      for (const [name, { restart, image, build }] of Object.entries((await composeOf(file)).services)) {
        if (image === undefined && build === undefined) continue; // adds to a service of the other file
        const wanted = name === 'provision' ? /^on-failure:\d+$/ : /^unless-stopped$/;
        expect({ name, restart }).toEqual({ name, restart: expect.stringMatching(wanted) });
      }
    }
  });

  it.each(SERVICES)('asks %s whether it answers, at the port that it has', async (name) => {
    const [command, node = '', flag = '', script = ''] = of(name).healthcheck?.test ?? [];
    expect([command, node, flag]).toEqual(['CMD', 'node', '-e']);
    const [address = '', port = ''] = /http:\/\/127\.0\.0\.1:(\d+)\/health\b/.exec(script) ?? [];
    expect(await variablesOf(name)).toContain(port);
    let status = 200;
    const server = createServer((request, response) => response.writeHead(status).end(request.url));
    const asked = (to: string) =>
      run(process.execPath, [flag, script.replace(address, to)]).then(
        () => 'healthy',
        () => 'not healthy',
      );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
    const answers = [await asked(url), ((status = 503), await asked(url))];
    await new Promise((resolve) => server.close(resolve));
    expect([...answers, await asked(url)]).toEqual(['healthy', 'not healthy', 'not healthy']);
  });

  it('asks the servers whether they are well, with a program that their images have', () => {
    const { image, healthcheck } = of('nats');
    expect(healthcheck?.test.slice(0, 2)).toEqual(['CMD', 'wget']);
    // The image without this word holds nothing but nats-server.
    expect(image).toMatch(/-alpine$/);
    expect(of('postgres').healthcheck?.test.slice(0, 2)).toEqual(['CMD', 'pg_isready']);
  });

  it('starts the services when the streams are there, those with tables when PostgreSQL answers, the rest when NATS does', async () => {
    for (const name of SERVICES) {
      const { depends_on = {}, environment = {} } = of(name);
      const conditions = Object.entries(depends_on).map(([on, { condition }]) => [on, condition]);
      const postgres = 'DATABASE_URL' in environment ? [['postgres', 'service_healthy']] : [];
      expect([name, conditions]).toEqual([name, [['provision', 'service_completed_successfully'], ...postgres]]);
    }
    const cluster = (await composeOf('deploy/compose/nats-cluster.yml')).services;
    expect(of('provision').depends_on).toEqual({ nats: { condition: 'service_healthy' } });
    expect(cluster['provision']?.depends_on).toEqual(
      Object.fromEntries(['nats', 'nats-2', 'nats-3'].map((server) => [server, { condition: 'service_healthy' }])),
    );
    for (const server of ['nats-2', 'nats-3'])
      expect(cluster[server]).toMatchObject({ image: of('nats').image, healthcheck: of('nats').healthcheck });
  });

  it('lets whatever stops end what it has begun', async () => {
    const source = await read('libs/service-runtime/src/run-service.ts');
    const stepMs = Number(/DRAIN_STEP_MS = ([\d_]+);/.exec(source)?.[1]?.replaceAll('_', ''));
    // Five steps, and what traces are still to be sent.
    const longest = (5 * stepMs) / 1_000 + 2;
    const cluster = (await composeOf('deploy/compose/nats-cluster.yml')).services;
    const stopped = [...SERVICES, 'nats', 'postgres'].map((name) => of(name));
    for (const { stop_grace_period = '' } of [...stopped, cluster['nats-2'] ?? {}, cluster['nats-3'] ?? {}])
      expect(Number(/^(\d+)s$/.exec(stop_grace_period)?.[1])).toBeGreaterThanOrEqual(longest);
  });

  it.each([
    ['nats', '/data'],
    ['postgres', '/var/lib/postgresql'],
    ['tempo', '/var/tempo'],
    ['prometheus', '/prometheus'],
    ['grafana', '/var/lib/grafana'],
  ])('keeps what %s stores in a volume', (name, folder) => {
    expect(of(name).volumes).toContain(`${name}:${folder}`);
  });

  it('has the program that rebuilds the read-models where the how-to says', async () => {
    const command = /--entrypoint node (\S+) (\S+)$/m.exec(await read('docs/how-to/docker.md'));
    const [, service = '', script = ''] = command ?? [];
    expect(await read('deploy/docker/Dockerfile')).toContain('WORKDIR /app/services/${SERVICE}\n');
    const { stdout } = await run(process.execPath, [script, '--help'], { cwd: path.join(ROOT, 'services', service) });
    expect(stdout).toContain('Rebuilds');
  });

  it('is told to be replaced so that readers of a new version come before its writer, and no container is signalled', async () => {
    const howTo = await read('docs/how-to/docker.md');
    const blocks = [...howTo.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
    expect(blocks.join('')).toContain('docker compose restart nats');
    expect(blocks.join('')).not.toContain('docker compose kill');
    const [, name = '', block = ''] = /For `([^`]+)`, which.*?```sh\n(.*?)```/s.exec(howTo) ?? [];
    const rounds = [...block.matchAll(/--no-deps (.*)$/gm)].map(([, services = '']) => services.split(' '));
    const writer = CATALOGUE.contracts.find(({ type, version }) => `${type}.v${version}` === name)?.producer;
    expect(rounds.at(-1)).toEqual([writer]);
    expect(rounds.flat().toSorted()).toEqual([...SERVICES].toSorted());
  });

  it('gives Grafana the data sources that its dashboards ask', async () => {
    const { datasources } = parse(await read('deploy/observability/grafana/provisioning/datasources/anime.yml')) as {
      datasources: { uid: string; url: string }[];
    };
    expect(datasources.map(({ uid }) => uid)).toEqual(['prometheus', 'tempo']);
    for (const { url } of datasources) expect(compose.services).toHaveProperty(new URL(url).hostname);
    const [receiver] =
      /otlp[\s\S]*?endpoint: "0\.0\.0\.0:(\d+)"/.exec(await read('deploy/observability/tempo.yml')) ?? [];
    expect(receiver).toContain('4318');
  });

  it('is accepted by docker compose, where that is installed', async () => {
    const installed = await run('docker', ['compose', 'version']).then(
      () => true,
      () => false,
    );
    const text = (await Promise.all(FILES.map(read))).join('\n');
    const names = new Set([...text.matchAll(/\$\{(\w+):\?/g)].map(([, name = '']) => name));
    expect(names.size).toBeGreaterThan(0);
    if (!installed) return;
    const env = { ...process.env, ...Object.fromEntries([...names].map((name) => [name, 'x'])) };
    const files = FILES.map((file) => ['-f', path.join(ROOT, file)]);
    for (const given of [files.slice(0, 1), files]) {
      await expect(run('docker', ['compose', ...given.flat(), 'config', '-q'], { env })).resolves.toBeDefined();
    }
  });
});

/** Whether a folder of the container lies in a volume. */
function mounted({ volumes = [] }: ComposeService, folder: string): boolean {
  return volumes
    .map((volume) => volume.split(':')[1] ?? '')
    .some((mount) => folder === mount || folder.startsWith(`${mount}/`));
}
