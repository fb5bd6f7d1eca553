import { mkdir, readdir } from 'node:fs/promises';
import { posix, resolve, sep } from 'node:path';
import { NodeExecutionError } from './nodes/node-errors.js';

export interface SavePath {
  /** Absolute, exists. */
  readonly folder: string;
  /** The prefix without its folders. */
  readonly filename: string;
  /** Relative to the output folder, as `executed` reports it; empty for the folder itself. */
  readonly subfolder: string;
  /** Names already in the folder. */
  readonly existing: readonly string[];
}

/**
 * Where a save node writes for a prefix, as ComfyUI decides it: slashes make folders, %width% and the parts of the
 * time are replaced, other percent words stay as they are, leaving the output folder is an error at run time.
 * @throws NodeExecutionError
 */
export async function resolveSavePath(
  root: string,
  prefix: string,
  size: { readonly width: number; readonly height: number },
  now = new Date(),
): Promise<SavePath> {
  const normal = posix.normalize(expand(prefix, size, now)).replace(/(?<=.)\/+$/, '');
  const filename = posix.basename(normal);
  const directory = posix.dirname(normal);
  const subfolder = directory === '.' ? '' : directory;
  const folder = resolve(root, subfolder);
  if (folder !== root && !folder.startsWith(root + sep)) {
    throw new NodeExecutionError(
      'Exception',
      '**** ERROR: Saving image outside the output folder is not allowed.\n' +
        ` full_output_folder: ${folder}\n         output_dir: ${root}`,
    );
  }
  await mkdir(folder, { recursive: true });
  return { folder, filename, subfolder, existing: await readdir(folder) };
}

/** The five-digit (or longer) number after the highest one in the folder; numbers of deleted files come again. */
export function nextCounter(path: SavePath, offset = 0): string {
  const stem = `${path.filename}_`;
  const used = path.existing
    .filter((name) => name.startsWith(stem))
    .map((name) => name.slice(stem.length).split('_')[0] ?? '')
    // As Python's int() takes it: the whole part, not its beginning.
    .filter((digits) => /^\d+$/.test(digits))
    .map(Number);
  return String(Math.max(0, ...used) + 1 + offset).padStart(5, '0');
}

/** The number VideoHelperSuite gives: behind it may stand anything. @returns five digits or more */
export function nextVhsCounter({ filename, existing }: SavePath): string {
  const stem = `${filename}_`;
  const used = existing
    .filter((name) => name.startsWith(stem))
    .map((name) => Number.parseInt(/^(\d+)\D*\../.exec(name.slice(stem.length))?.[1] ?? '0', 10));
  return String(Math.max(0, ...used) + 1).padStart(5, '0');
}

function expand(prefix: string, size: { readonly width: number; readonly height: number }, now: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const words: Record<string, string> = {
    '%width%': String(size.width),
    '%height%': String(size.height),
    '%year%': String(now.getFullYear()),
    '%month%': two(now.getMonth() + 1),
    '%day%': two(now.getDate()),
    '%hour%': two(now.getHours()),
    '%minute%': two(now.getMinutes()),
    '%second%': two(now.getSeconds()),
  };
  return prefix.replace(/%[a-z]+%/g, (word) => words[word] ?? word);
}
