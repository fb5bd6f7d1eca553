import type { EndedPrompt } from './answers.js';

/** A file on the server, as `/view` names it. */
export interface ServerFile {
  readonly filename: string;
  /** Relative to the folder of the type; '' for its root. */
  readonly subfolder: string;
  readonly type: string;
}

/** The file's path below the folder of its type, as nodes like LoadImage take it for files in input/ (contract §4). */
export function pathOf({ filename, subfolder }: Pick<ServerFile, 'filename' | 'subfolder'>): string {
  return subfolder === '' ? filename : `${subfolder}/${filename}`;
}

/**
 * The files that one node reported, in its order and each once, whatever keys they stand under (`images`, `gifs`, `audio`…). Other
 * values (texts, `animated: [true]`) are no files. A cached run names the files of the run that it repeats, whether or not
 * they are still there (contract §1.3, 14): only a download says.
 */
export function filesOf(ended: Pick<EndedPrompt, 'outputs'>, node: string): readonly ServerFile[] {
  const files = Object.values(ended.outputs[node] ?? {}).flatMap((values) =>
    Array.isArray(values) ? values.flatMap(asFile) : [],
  );
  // Some packs tell a file under a key of their own and under `images`.
  return [...new Map(files.map((file) => [JSON.stringify(file), file])).values()];
}

/**
 * The texts that one node told, e.g. `{"text": ["a cat"]}`, in its order; some packs put lists into the list. Empty for a node
 * that told none.
 */
export function textsOf(ended: Pick<EndedPrompt, 'outputs'>, node: string): readonly string[] {
  return Object.values(ended.outputs[node] ?? {}).flatMap((values) =>
    Array.isArray(values) ? values.flat(Infinity).filter((value) => typeof value === 'string') : [],
  );
}

function asFile(value: unknown): ServerFile[] {
  if (typeof value !== 'object' || value === null) return [];
  const { filename, subfolder, type } = value as Partial<Record<keyof ServerFile, unknown>>;
  if (typeof filename !== 'string' || typeof type !== 'string') return [];
  return [{ filename, subfolder: typeof subfolder === 'string' ? subfolder : '', type }];
}
