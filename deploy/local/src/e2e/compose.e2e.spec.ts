import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SERVICES, type ServiceName } from '@anime/contracts';
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
}
interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const read = async (file: string): Promise<string> => readFile(path.join(ROOT, file), 'utf8');
const composeOf = async (file: string): Promise<Compose> => parse(await read(file), { merge: true }) as Compose;

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
    'builds %s from the one Dockerfile and sets only variables that it reads, its own NATS user first',
    async (name) => {
      const { build, environment = {} } = of(name);
      expect(build).toMatchObject({ dockerfile: 'deploy/docker/Dockerfile', args: { SERVICE: name } });
      const variables = await variablesOf(name);
      for (const variable of Object.keys(environment))
        expect(variables).toMatch(new RegExp(`^\\s*${variable}\\b`, 'm'));
      expect(environment['NATS_URL']).toContain(`nats://${name}:\${${passwordOf(name)}:`);
      // Without these it would keep files that no other service finds, or that go with the container.
      for (const folder of variables.match(/\bANIME_\w+_DIR\b/g) ?? []) {
        if (folder === 'ANIME_WORKFLOWS_DIR' || (name === 'gateway' && folder === 'ANIME_LIBRARY_DIR')) continue;
        expect(environment).toHaveProperty(folder);
        expect(mounted(of(name), environment[folder] ?? '')).toBe(true);
      }
    },
  );

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
        const [source = ''] = volume.split(':');
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

  it('starts again whatever ends, also with the machine, but what makes the streams only when it failed', async () => {
    for (const file of FILES) {
      for (const [name, { restart, image, build }] of Object.entries((await composeOf(file)).services)) {
        if (image === undefined && build === undefined) continue; // adds to a service of the other file
        expect({ name, restart }).toEqual({ name, restart: name === 'provision' ? 'on-failure' : 'unless-stopped' });
      }
    }
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
