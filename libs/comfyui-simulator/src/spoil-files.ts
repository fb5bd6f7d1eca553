import { rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { type Faults, takeTear } from './faults.js';
import { isRecord } from './graph.js';
import type { Directories } from './nodes/node-kind.js';

/** Damages or enlarges the files that a node has just reported, as `Faults.tornFiles` and `Faults.fileBytes` want it. */
export async function spoilFiles(
  faults: Faults,
  ui: Readonly<Record<string, readonly unknown[]>>,
  directories: Directories,
): Promise<void> {
  for (const item of Object.values(ui).flat()) {
    if (!isRecord(item) || item['type'] !== 'output') continue;
    const { filename, subfolder } = item;
    if (typeof filename !== 'string' || typeof subfolder !== 'string') continue;
    const path = join(directories.output, subfolder, filename);
    const { size } = await stat(path);
    if (size < faults.fileBytes) await truncate(path, faults.fileBytes);
    const how = takeTear(faults, (kind) => kind !== 'cut-download');
    if (how === undefined) continue;
    if (how === 'deleted') await rm(path);
    else await truncate(path, how === 'empty' ? 0 : Math.floor(size / 2));
  }
}
