import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import path from 'node:path';

/**
 * Where copies of packaged server binaries are kept between runs: `$XDG_CACHE_HOME/anime-servers`, else
 * `~/.cache/anime-servers`, else a folder of this user in the temporary folder (read-only home, CI sandboxes).
 */
export function binaryCacheFolder(): string {
  const home = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  const candidates = [path.join(home, 'anime-servers'), path.join(tmpdir(), `anime-servers-${userInfo().uid}`)];
  for (const folder of candidates) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      accessSync(folder, constants.W_OK | constants.X_OK);
      return folder;
    } catch {
      // Try the next one; the last failure is reported below.
    }
  }
  throw new Error(`no writable cache folder: tried ${candidates.join(', ')}`);
}
