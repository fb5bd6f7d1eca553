import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FsBlobStore } from '@anime/blob-store';
import { ComfyClient, definitionsHash } from '@anime/comfyui-client';
import { startSimulator } from '@anime/comfyui-simulator';
import { ExecutorEnvironmentChangedV1 } from '@anime/contracts';
import { canonicalJson, sha256Hex } from '@anime/event-store';
import { readEnvironment } from './read-environment.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'anime-environment-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('the environment of a server', () => {
  it('is what it tells of itself, named by its own hash, its node definitions in the blob store', async () => {
    await using server = await startSimulator({ dataDir: path.join(dir, 'comfyui'), gpuName: 'RTX', vramTotalMb: 100 });
    const client = new ComfyClient({ baseUrl: server.url });
    const blobs = new FsBlobStore(path.join(dir, 'blobs'));
    const found = ExecutorEnvironmentChangedV1.data.parse(await readEnvironment(client, blobs));
    const { environment, ...fields } = found;
    expect(environment).toBe(sha256Hex(canonicalJson(fields)));
    expect(fields).toMatchObject({
      comfyuiVersion: '0.33.0',
      cudaVersion: null,
      devices: [{ name: 'RTX (simulator)', type: 'cuda', vramBytes: 100 * 1024 * 1024 }],
    });
    const { blob, size, classes } = fields.nodeDefinitions;
    const stored = await blobs.get(blob);
    const definitions = (await client.objectInfo()).classes;
    expect([blob, size, classes]).toEqual([definitionsHash(definitions.values()), stored.length, definitions.size]);
    expect(Object.keys(JSON.parse(Buffer.from(stored).toString()) as object)).toEqual(
      [...definitions.keys()].toSorted(),
    );
    expect(await readEnvironment(client, blobs)).toEqual(found);
    await client.close();
  });

  it('is the same with other models in the folders of the server, and another with another GPU', async () => {
    const of = async (options: { gpuName?: string; checkpoints?: string[] }): Promise<string> => {
      await using server = await startSimulator({ dataDir: path.join(dir, 'comfyui'), ...options });
      const client = new ComfyClient({ baseUrl: server.url });
      const { environment } = await readEnvironment(client, new FsBlobStore(path.join(dir, 'blobs')));
      await client.close();
      return environment;
    };
    const first = await of({});
    expect(await of({ checkpoints: ['other.safetensors'] })).toBe(first);
    expect(await of({ gpuName: 'another GPU' })).not.toBe(first);
  });
});
