import { realpathSync } from 'node:fs';
import path from 'node:path';
import { errnoOf } from '@anime/blob-store/disk';

/**
 * Why keys must not lie in `dir`; undefined when they may. Whoever copies or backs up a data folder with the keys in it has
 * the texts with their keys, and an erasure would not reach the copies. Links are followed.
 */
export function keysFolderFault(dir: string, dataFolders: readonly string[]): string | undefined {
  const inside = dataFolders.find((folder) => isWithin(realPath(dir), realPath(folder)));
  return inside === undefined
    ? undefined
    : `${dir} lies in the data folder ${inside}: a copy or backup of that would hold sealed texts and their keys together`;
}

function isWithin(inner: string, outer: string): boolean {
  const relative = path.relative(outer, inner);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

/** Where a path really leads; what is not there yet lies where its parent does. */
function realPath(given: string): string {
  const wanted = path.resolve(given);
  try {
    return realpathSync(wanted);
  } catch (error) {
    const parent = path.dirname(wanted);
    if (errnoOf(error) !== 'ENOENT' || parent === wanted) return wanted;
    return path.join(realPath(parent), path.basename(wanted));
  }
}
