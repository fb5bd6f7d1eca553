import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNatsServer } from '@anime/embedded-servers';
import { freePort } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** What nats-server says of itself at /jsz. */
interface JetStreamInfo {
  readonly config: { readonly sync_always?: boolean; readonly store_dir: string };
}

describe('the NATS of docker-compose.yml', () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'anime-compose-'));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  it('syncs every write before it acknowledges it, into the volume', async () => {
    const compose = await readFile(path.join(ROOT, 'docker-compose.yml'), 'utf8');
    const service = /^ {2}nats:\n((?: {4}.*\n)+)/m.exec(compose)?.[1] ?? '';
    const inContainer = /command: \["--config", "([^"]+)"\]/.exec(service)?.[1] ?? 'no configuration file';
    const mounted = new RegExp(`"(\\./[^":]+):${inContainer}:ro"`).exec(service)?.[1];
    const config = await readFile(path.join(ROOT, mounted ?? 'not mounted'), 'utf8');
    const volume = /"nats:([^"]+)"/.exec(service)?.[1] ?? 'no volume';

    // The very configuration, read by a nats-server; only the folder of the container is another one here.
    const monitor = await freePort();
    await using _server = await startNatsServer({
      dataDir,
      jetstream: false, // the file itself switches it on
      extraConfig: `${config.replaceAll(volume, path.join(dataDir, 'volume'))}\nhttp: "127.0.0.1:${monitor}"`,
    });
    const answer = await fetch(`http://127.0.0.1:${monitor}/jsz?config=true`);
    const { config: used } = (await answer.json()) as JetStreamInfo;
    expect(used.sync_always).toBe(true);
    expect(used.store_dir).toContain(path.join(dataDir, 'volume'));
  });
});
