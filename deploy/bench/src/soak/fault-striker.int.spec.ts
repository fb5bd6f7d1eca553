import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startSimulator, type Simulator } from '@anime/comfyui-simulator';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FaultStriker } from './fault-striker.js';

describe('what strikes servers', () => {
  let dir: string;
  let server: Simulator;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'anime-soak-'));
    server = await startSimulator({ dataDir: dir, stepDelayMs: 0 });
  });
  afterEach(async () => {
    await server.close();
    await rm(dir, { recursive: true, force: true });
  });

  const prompt = {
    '1': { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color: 0 } },
    '2': { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
  };
  async function give(): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    // One answer is cut on purpose.
    await fetch(`${server.url}/prompt`, { method: 'POST', headers, body: JSON.stringify({ prompt }) }).catch(
      () => undefined,
    );
  }

  it('tells of each fault whether it struck, and takes it away before the next', async () => {
    await using striker = new FaultStriker([server.url]);
    await striker.strike({ server: 0, faults: { cutPromptAnswers: 1 } });
    await give();
    await striker.strike({ server: 0, faults: { tornFiles: { how: 'empty', times: 1 } } });
    await striker.strike({ server: 0, faults: { atPrompt: [{ kind: 'restart', at: 'start' }] } });
    expect(server.faults.tornFiles).toBeNull();
    await striker.strike({ server: 0, faults: { nanInHistory: true } });
    expect(server.faults.atPrompt).toEqual([]);
    await give();
    await striker.cure();
    expect(server.faults.nanInHistory).toBe(false);
    expect(striker.struck).toEqual(['cutPromptAnswers', 'nanInHistory']);
    expect(striker.missed).toEqual(['tornFiles empty', 'restart']);
  });

  it('starts a server again whose fault only that cures', async () => {
    await using striker = new FaultStriker([server.url]);
    await striker.strike({ server: 0, faults: { gpuFault: true }, restartAfterMs: 10 });
    await striker.cure();
    expect(server.counters.restarts).toBe(2);
    expect(server.faults.gpuFault).toBe(false);
  });
});
