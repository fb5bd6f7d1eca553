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
 * The files that one node reported, in its order, whatever key they stand under (`images`, `gifs`, `audio`…). Other
 * values (texts, `animated: [true]`) are no files. A cached run names the files of the run that it repeats, whether or not
 * they are still there (contract §1.3, 14): only a download says.
 */
export function filesOf(ended: Pick<EndedPrompt, 'outputs'>, node: string): readonly ServerFile[] {
  return Object.values(ended.outputs[node] ?? {}).flatMap((values) =>
    Array.isArray(values) ? values.flatMap(asFile) : [],
  );
}

function asFile(value: unknown): ServerFile[] {
  if (typeof value !== 'object' || value === null) return [];
  const { filename, subfolder, type } = value as Partial<Record<keyof ServerFile, unknown>>;
  if (typeof filename !== 'string' || typeof type !== 'string') return [];
  return [{ filename, subfolder: typeof subfolder === 'string' ? subfolder : '', type }];
}
