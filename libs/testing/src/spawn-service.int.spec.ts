import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { spawnService } from './spawn-service.js';

const entry = path.join(import.meta.dirname, '..', 'fixtures', 'service', 'main.mjs');

describe('spawnService', () => {
  it('waits for the told address and for /ready, and starts again after kill -9', async () => {
    await using service = await spawnService({ entry, name: 'stand-in' });
    expect((await fetch(new URL('/ready', service.url))).status).toBe(200);
    expect(service.lines()[0]).toMatchObject({ msg: 'listening', worker: null });
    const { pid } = service;
    expect(await service.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    await service.restart();
    expect(service.pid).not.toBe(pid);
    expect((await fetch(new URL('/ready', service.url))).status).toBe(200);
    expect(await service.stop()).toEqual({ code: 0, signal: null });
  });

  it('shows the output of a service that ends while starting', async () => {
    await expect(spawnService({ entry, name: 'stand-in', env: { FAIL: '1' } })).rejects.toThrow(
      /stand-in ended while starting \(\{"code":3,"signal":null\}\)[^]*cannot reach NATS/,
    );
  });

  it('gives up after its time and names what is missing', async () => {
    const never = spawnService({ entry, name: 'stand-in', until: () => false, timeoutMs: 3_000 });
    await expect(never).rejects.toThrow(/never happened within 3000 ms: stand-in is up[^]*not JSON/);
  });
});
