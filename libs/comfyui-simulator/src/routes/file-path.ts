import { resolve, sep } from 'node:path';
import type { Directories } from '../nodes/node-kind.js';

/** The folder of a `type` query or form value, undefined for anything else. */
export function folderOf(directories: Directories, type: string): string | undefined {
  return type === 'output' || type === 'input' || type === 'temp' ? directories[type] : undefined;
}

export function isInside(folder: string, path: string): boolean {
  const absolute = resolve(path);
  return absolute === folder || absolute.startsWith(folder + sep);
}
