import { rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { type Faults, takeTear } from './faults.js';
import { isRecord } from './graph.js';
import type { Directories } from './nodes/node-kind.js';

/** Damages the files that a node has just reported, as `Faults.tornFiles` wants it. */
export async function tearFiles(
  faults: Faults,
  ui: Readonly<Record<string, readonly unknown[]>>,
  directories: Directories,
): Promise<void> {
  for (const item of Object.values(ui).flat()) {
    if (!isRecord(item) || item['type'] !== 'output') continue;
    const { filename, subfolder } = item;
    if (typeof filename !== 'string' || typeof subfolder !== 'string') continue;
    const how = takeTear(faults, (kind) => kind !== 'cut-download');
    if (how === undefined) return;
    const path = join(directories.output, subfolder, filename);
    if (how === 'deleted') await rm(path);
    else await truncate(path, how === 'empty' ? 0 : Math.floor((await stat(path)).size / 2));
  }
}
