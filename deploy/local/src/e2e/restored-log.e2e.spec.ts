import { execFile } from 'node:child_process';
import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

const REBUILD = path.join(fileURLToPath(new URL('../../../..', import.meta.url)), 'services/gateway/dist/rebuild.js');

describe('an older copy of the log restored under running services', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start();
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  const notReady = async (url: string): Promise<string> => {
    const report = (await (await fetch(`${url}/ready`)).json()) as { checks: { ok: boolean; reason: string | null }[] };
    return report.checks
      .filter((check) => !check.ok)
      .map((check) => check.reason)
      .join('; ');
  };
  const COMMAND = /jobs is stopped: .*: npm run rebuild -w @anime\/gateway/;

  it('stops the projection, which names the command that mends it; all else goes on by itself', async () => {
    const kept = await studio.requestImage({ seed: 1, steps: 2 });
    await studio.ended(kept);
    const store = path.join(studio.nats.dataDir, 'jetstream');
    const copy = path.join(studio.dir, 'older-log');
    await studio.nats.kill();
    await cp(store, copy, { recursive: true });
    await studio.nats.restart();
    // The copy lacks the term of the orchestrator that runs from now on.
    const orchestrator = studio.service('orchestrator');
    await orchestrator.restart();
    const lost = await studio.requestImage({ seed: 2, steps: 2 });
    await studio.ended(lost);
    await studio.nats.kill();
    await rm(store, { recursive: true });
    await cp(copy, store, { recursive: true });
    await studio.nats.restart();

    const gateway = studio.service('gateway');
    const pids = [gateway.pid, orchestrator.pid];
    await eventually(async () => COMMAND.test(await notReady(gateway.url)), {
      what: 'the gateway names the command',
      timeoutMs: 30_000,
    });

    const env = { ...process.env, NATS_URL: studio.natsUrl('gateway'), DATABASE_URL: studio.databaseUrl };
    await expect(
      promisify(execFile)(process.execPath, [REBUILD, '--check-parity'], { env, timeout: 30_000 }),
    ).rejects.toThrow(/ahead of the log/);
    await promisify(execFile)(process.execPath, [REBUILD], { env, timeout: 30_000 });
    await eventually(async () => (await fetch(`${gateway.url}/ready`)).ok, {
      what: 'the gateway is ready by itself',
      timeoutMs: 30_000,
    });
    expect((await studio.job(kept)).status).toBe('completed');
    const { response } = await studio.client.GET('/api/anime/jobs/{id}', { params: { path: { id: lost } } });
    expect(response.status).toBe(404);
    expect((await studio.ended(await studio.requestImage({ seed: 3, steps: 2 }))).status).toBe('completed');
    expect([gateway.pid, orchestrator.pid]).toEqual(pids);
  }, 110_000);
});
