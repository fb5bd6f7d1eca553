import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, isAbsolute, resolve, sep } from 'node:path';
import type { CustomValidation, Directories, NodeEnvironment } from './node-kind.js';
import { type NodeInputs, stringInput } from './values.js';

const EXTENSIONS = {
  image: ['.png', '.jpg', '.jpeg', '.webp', '.gif', '.bmp', '.tiff', '.avif'],
  video: ['.mp4', '.webm', '.mkv', '.mov', '.avi', '.gif'],
  audio: ['.wav', '.mp3', '.flac', '.ogg', '.opus', '.m4a', '.mp4', '.webm', '.mkv', '.mov'],
} as const;

export type MediaKind = keyof typeof EXTENSIONS;

/** Files of one kind in the root of the input folder, sorted: what the widget of a loading node offers. */
export function inputFiles({ input }: Directories, kind: MediaKind): string[] {
  return readdirSync(input, { withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && EXTENSIONS[kind].some((ending) => ending === extname(entry.name).toLowerCase()),
    )
    .map(({ name }) => name)
    .sort();
}

/** The file of `name`, `sub/name`, `name [output]` or `name [temp]`; undefined outside these folders or when missing. */
export function annotatedFile(name: string, directories: Directories): string | undefined {
  const match = /^(.*) \[(input|output|temp)\]$/.exec(name);
  const [, bare = name, type = 'input'] = match ?? [];
  const root = type === 'output' || type === 'temp' ? directories[type] : directories.input;
  const path = resolve(root, bare);
  return path.startsWith(root + sep) && isFile(path) ? path : undefined;
}

/** A path as the custom loaders take it, relative to the folder that holds input/ and output/. */
export function serverFile(path: string, directories: Directories): string | undefined {
  const absolute = isAbsolute(path) ? path : resolve(dirname(directories.input), path);
  return isFile(absolute) ? absolute : undefined;
}

type Find = (name: string, directories: Directories) => string | undefined;

/** Refuses a file that is not there with ComfyUI's words. */
export function mustExist(input: string, complaint: string, find: Find = annotatedFile): CustomValidation {
  return {
    inputs: [input],
    check: (inputs, { directories }) => {
      const name = inputs[input];
      return typeof name === 'string' && find(name, directories) !== undefined
        ? undefined
        : `${complaint}: ${String(name)}`;
    },
  };
}

/** The content decides whether a loader runs again. */
export function contentHash(input: string, find: Find = annotatedFile) {
  return async (inputs: NodeInputs, { directories }: NodeEnvironment): Promise<string> =>
    createHash('sha256')
      .update(await readFile(fileOf(inputs, input, directories, find)))
      .digest('hex');
}

/** @throws Error like Python's when the file has gone since validation */
export function fileOf(
  inputs: NodeInputs,
  input: string,
  directories: Directories,
  find: Find = annotatedFile,
): string {
  const name = stringInput(inputs, input);
  const path = find(name, directories);
  if (path === undefined) throw new Error(`[Errno 2] No such file or directory: '${name}'`);
  return path;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
