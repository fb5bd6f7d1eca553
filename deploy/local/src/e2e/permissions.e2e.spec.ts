import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { SERVICES } from '@anime/contracts';
import { BLOBS_BUCKET } from '@anime/event-store';
import { createGatewayClient, unwrap } from '@anime/gateway-client';
import { eventually, freePort } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

/** What nats-server says of its clients at /connz. */
interface Connections {
  readonly connections: readonly { readonly name?: string; readonly authorized_user?: string }[];
}

describe('a studio whose services may do in NATS only what they need', () => {
  let studio: TestStudio;
  let monitor: string;
  beforeAll(async () => {
    const port = await freePort();
    monitor = `http://127.0.0.1:${port}`;
    // Blobs in NATS need rights, too.
    studio = await TestStudio.start({
      simulators: 2,
      env: { ANIME_BLOBS: 'nats' },
      natsConfig: `http: "127.0.0.1:${port}"\n`,
    });
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  /** What NATS refused so far, as its log has it. */
  const refused = async (): Promise<string[]> => {
    const log = await readFile(path.join(studio.nats.dataDir, 'nats-server.log'), 'utf8');
    return log.split('\n').filter((line) => line.includes('Violation'));
  };

  /** Issues a key, uses it, sees that its use was noted, and revokes it. */
  const useKey = async (): Promise<void> => {
    const { id, key } = await unwrap(studio.client.POST('/api/anime/keys', { body: { scopes: ['jobs:read'] } }));
    const own = createGatewayClient(studio.service('gateway').url, { fetch: studio.answers.fetch, apiKey: key });
    await unwrap(own.GET('/api/anime/queue'));
    await eventually(
      async () => {
        const { keys } = await unwrap(studio.client.GET('/api/anime/keys'));
        return keys.some((each) => each.id === id && each.lastUsedAt !== null);
      },
      { what: 'the use of the key is noted' },
    );
    await unwrap(studio.client.POST('/api/anime/keys/{id}/revoke', { params: { path: { id } } }));
    expect((await own.GET('/api/anime/queue')).response.status).toBe(401);
  };

  it('runs jobs, cancels, rebuilds and issues keys, each service as its own user, and is refused nothing', async () => {
    const jobs = await Promise.all([1, 2, 3].map((seed) => studio.requestImage({ seed, steps: 3 })));
    const late = await studio.requestImage({ seed: 4, steps: 150 });
    await studio.client.POST('/api/anime/jobs/{id}/cancel', { params: { path: { id: late } } });
    for (const jobId of jobs) expect((await studio.ended(jobId)).status).toBe('completed');
    expect((await studio.ended(late)).status).toBe('cancelled');
    await studio.rebuildAndCompare();
    await useKey();
    const blobs = await (await studio.log.connected()).request(`$JS.API.STREAM.INFO.OBJ_${BLOBS_BUCKET}`);
    expect(blobs.json<{ state: { messages: number } }>().state.messages).toBeGreaterThan(0);

    const { connections } = (await (await fetch(`${monitor}/connz?auth=true`)).json()) as Connections;
    const users = connections
      .filter(({ name }) => name !== 'test')
      .map((each) => `${each.name} as ${each.authorized_user}`);
    expect(users.toSorted()).toEqual(SERVICES.map((name) => `${name} as ${name}`).toSorted());
    expect(await refused()).toEqual([]);
  }, 120_000);

  it('says in /ready and in its log what an executor lacks that was added without a right, and the way out', async () => {
    const url = studio.simulator.url;
    const added = await studio.startService('comfyui-executor', { COMFYUI_URLS: `added-later=${url}` }, 'listening');
    const reasons = async (): Promise<string> => {
      const { checks } = (await (await fetch(`${added.url}/ready`)).json()) as { checks: { reason: string | null }[] };
      return checks.map(({ reason }) => reason ?? '').join('\n');
    };
    const wayOut = /NATS does not permit this user to publish .*nats-users/;
    await eventually(async () => wayOut.test(await reasons()), { what: '/ready names the way out' });
    expect((await fetch(`${added.url}/ready`)).status).toBe(503);
    expect(added.output()).toMatch(new RegExp(`"level":"error".*${wayOut.source}`));
    expect(added.output()).not.toContain(new URL(studio.natsUrl('comfyui-executor')).password);
    await added.stop();
    const jobId = await studio.requestImage({ seed: 9, steps: 2 });
    expect((await studio.ended(jobId)).status).toBe('completed');
  }, 90_000);
});
