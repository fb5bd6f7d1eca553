import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OPTIONS } from '../../options.mjs';

const FOLDER = fileURLToPath(new URL('../..', import.meta.url));
const COMMANDS = ['demo', 'start'] as const;

describe('--help on a machine where nothing is installed', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'anime-help-'));
    for (const file of ['bootstrap.mjs', 'options.mjs']) {
      await cp(path.join(FOLDER, file), path.join(root, 'deploy', 'local', file));
    }
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it.each(COMMANDS)('lists the options and variables of %s and touches nothing', async (command) => {
    const args = [path.join(root, 'deploy', 'local', 'bootstrap.mjs'), command, '--help'];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    for (const { flags, meaning } of OPTIONS[command]) expect(stdout).toContain(`${flags.padEnd(21)} ${meaning}`);
    for (const variable of ['COMFYUI_URLS', 'ANIME_CHECKPOINT', 'NATS_URL', 'DATABASE_URL'])
      expect(stdout).toContain(variable);
    expect(await readdir(root)).toEqual(['deploy']);
  });
});
