import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { freePort } from './free-port.js';
import { natsAnswers } from './nats-probe.js';
import { startNatsServer } from './nats-server.js';
import { identify } from './process-identity.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'anime nats ')); // with blanks, as a checkout may have
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('startNatsServer', () => {
  it('answers JetStream on a free port, and after stop() nothing is left of a temporary folder', async () => {
    const server = await startNatsServer({ syncAlways: false });
    expect(await natsAnswers(server.port, { jetstream: true })).toBe(true);
    await server.stop();
    expect(await natsAnswers(server.port, { jetstream: false })).toBe(false);
    expect(existsSync(server.dataDir)).toBe(false);
  });

  it('keeps port and data folder over kill -9 and restart, with a new process', async () => {
    await using server = await startNatsServer({ syncAlways: false, dataDir: path.join(scratch, 'restart') });
    const { port, pid, exited } = server;
    await server.kill();
    expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
    await server.restart();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await natsAnswers(port, { jetstream: true })).toBe(true);
  });

  it('starts eight at once without one port twice', async () => {
    const servers = await Promise.all(Array.from({ length: 8 }, () => startNatsServer({ syncAlways: false })));
    try {
      expect(new Set(servers.map((server) => server.port)).size).toBe(8);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  });

  it('refuses a data folder on which a server of a living launcher runs', async () => {
    const dataDir = path.join(scratch, 'twice');
    await using server = await startNatsServer({ syncAlways: false, dataDir });
    await expect(startNatsServer({ syncAlways: false, dataDir })).rejects.toMatchObject({ code: 'data-in-use' });
    expect(await natsAnswers(server.port, { jetstream: true })).toBe(true);
  });

  it('stops the orphan of a dead launcher before it starts on the same data', async () => {
    const dataDir = path.join(scratch, 'orphan');
    const orphan = await startNatsServer({ syncAlways: false, dataDir });
    const dead = spawn('true');
    const launcher = identify(dead.pid ?? 0);
    await new Promise((resolve) => dead.once('exit', resolve));
    writeFileSync(path.join(dataDir, 'owner.json'), JSON.stringify({ server: identify(orphan.pid), launcher }));
    await using server = await startNatsServer({ syncAlways: false, dataDir });
    expect((await orphan.exited).signal ?? 'ended').not.toBe('SIGKILL');
    expect(await natsAnswers(server.port, { jetstream: true })).toBe(true);
  });

  it('passes on why the server did not start', async () => {
    await expect(startNatsServer({ extraConfig: 'no_such_setting_here {' })).rejects.toThrow(
      /start[^]*Parse error|EOF/,
    );
  });

  it('says in one sentence that the binary is none', async () => {
    await expect(startNatsServer({ binary: '/bin/false' })).rejects.toMatchObject({ code: 'binary-missing' });
  });
});

describe('freePort', () => {
  it('gives a port on which a server can listen', async () => {
    const port = await freePort();
    await using server = await startNatsServer({ syncAlways: false, port });
    expect(server.port).toBe(port);
  });
});
