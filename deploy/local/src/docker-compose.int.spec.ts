import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNatsServer } from '@anime/embedded-servers';
import { natsUrlFor, openLog, passwordVariable, provision, PROVISION_USER } from '@anime/event-store';
import { eventually, freePort } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Where the configuration has the server tell of itself. */
const MONITOR = '127.0.0.1:8222';

/** What nats-server says of itself at /jsz. */
interface JetStreamInfo {
  readonly config: { readonly sync_always?: boolean; readonly store_dir: string };
}

/** Of a stream's INFO and UPDATE. */
interface Answer {
  readonly config: Readonly<Record<string, unknown>>;
}

describe('the NATS of docker-compose.yml', () => {
  let dir: string;
  let service: string;
  let monitor: number;
  /** What the operator sets. */
  const env: Record<string, string> = {};

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'anime-compose-'));
    const compose = await readFile(path.join(ROOT, 'docker-compose.yml'), 'utf8');
    service = /^ {2}nats:\n((?: {4}.*\n)+)/m.exec(compose)?.[1] ?? '';
    for (const [, name = ''] of service.matchAll(/^ {6}(\w+): \$\{\1:\?/gm)) {
      env[name] = `p-${name}`;
    }
    monitor = await freePort();
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  /** The very configuration, read by a nats-server; only the folder of the container is another one here. */
  async function start() {
    const inContainer = /command: \["--config", "([^"]+)"\]/.exec(service)?.[1] ?? 'no configuration file';
    const mounted = new RegExp(`"(\\./[^":]+):${path.dirname(inContainer)}:ro"`).exec(service)?.[1];
    const volume = /"nats:([^"]+)"/.exec(service)?.[1] ?? 'no volume';
    const folder = path.join(dir, 'config');
    await cp(path.join(ROOT, mounted ?? 'not mounted'), folder, { recursive: true });
    const file = path.join(folder, path.basename(inContainer));
    const config = await readFile(file, 'utf8');
    const ours = config.replaceAll(volume, path.join(dir, 'volume')).replace(MONITOR, `127.0.0.1:${monitor}`);
    await writeFile(file, ours);
    return startNatsServer({
      dataDir: path.join(dir, 'data'),
      env,
      jetstream: false, // the file itself switches it on
      // nats-server takes a path as one from the folder of the file that includes it.
      extraConfig: `include "../config/${path.basename(inContainer)}"`,
    });
  }

  it('syncs every write before it acknowledges it, into the volume; each service logs in with its variable', async () => {
    await using server = await start();
    const healthCheck = new URL(/"(http:[^"]*)"/.exec(service)?.[1] ?? 'no health check');
    expect(healthCheck.host).toBe(MONITOR);
    healthCheck.port = String(monitor);
    await eventually(async () => (await fetch(healthCheck)).ok, { what: 'the server is healthy' });
    const answer = await fetch(`http://127.0.0.1:${monitor}/jsz?config=true`);
    const { config: used } = (await answer.json()) as JetStreamInfo;
    expect(used.sync_always).toBe(true);
    expect(used.store_dir).toContain(path.join(dir, 'volume'));

    const natsUrl = (user: string): string =>
      natsUrlFor(server.url, user, env[passwordVariable(user)] ?? 'no variable');
    expect((await provision({ natsUrl: natsUrl(PROVISION_USER) })).created).toContain('stream ANIME_EVENTS');
    const log = openLog({ natsUrl: natsUrl('gateway'), name: 'gateway' });
    expect(await log.end()).toBe(0);
    await log.close();
    await expect(provision({ natsUrl: server.url })).rejects.toThrow(/Authorization Violation/);
  });

  it('lets provision limit the bucket of blobs as the README says, and leaves the limit when streams are made again', async () => {
    await using server = await start();
    const readme = await readFile(path.join(ROOT, 'README.md'), 'utf8');
    const [, inbox, stream] = /^nats .*--inbox-prefix (\S+) stream edit (\S+) --max-bytes/m.exec(readme) ?? [];
    expect(inbox).toBe(`_INBOX.${PROVISION_USER}`);
    const natsUrl = natsUrlFor(server.url, PROVISION_USER, env[passwordVariable(PROVISION_USER)] ?? 'no variable');
    await provision({ natsUrl });
    const log = openLog({ natsUrl, name: 'operator' }); // its answers come below that very prefix
    try {
      const nc = await log.connected();
      // What `nats stream edit` asks.
      const ask = async (verb: string, body?: object): Promise<Answer> =>
        (await nc.request(`$JS.API.STREAM.${verb}.${stream}`, JSON.stringify(body ?? {}))).json<Answer>();
      const { config } = await ask('INFO');
      expect(await ask('UPDATE', { ...config, max_bytes: 1e6 })).toMatchObject({ config: { max_bytes: 1e6 } });
      await provision({ natsUrl });
      expect(await ask('INFO')).toMatchObject({ config: { max_bytes: 1e6 } });
    } finally {
      await log.close();
    }
  });
});
