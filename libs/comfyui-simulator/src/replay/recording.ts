import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '../graph.js';
import { parsePythonJson } from '../python-json.js';

/** The recordings of a ComfyUI 0.33.0, one JSON value per line. Times are in ms since the beginning. */
const RECORDINGS = join(import.meta.dirname, '..', '..', 'recordings');

export type RecordedBody =
  | { readonly json: unknown }
  | { readonly text: string }
  | { readonly len: number; readonly head_hex?: string }
  | { readonly omitted: true };

export interface RecordedRequest {
  readonly kind: 'http';
  readonly t_ms: number;
  readonly method: string;
  readonly path: string;
  readonly note?: string | null;
  readonly request_json?: unknown;
  readonly request_data?: string;
  readonly request_headers?: Readonly<Record<string, string>>;
  /** The fields of an upload; its `bytes` were not recorded, only how many there were. */
  readonly multipart?: Readonly<Record<string, string | number | null>>;
  /** The file name of an upload as it stood in the header of the part. */
  readonly raw_filename?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RecordedBody;
  /** There was no answer. */
  readonly exception?: string;
}

export interface RecordedMessage {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export type RecordedEvent =
  | { readonly kind: 'ws_open'; readonly t_ms: number; readonly socket: string; readonly query: string }
  | { readonly kind: 'ws_send'; readonly t_ms: number; readonly socket: string; readonly data: unknown }
  | { readonly kind: 'ws_closed'; readonly t_ms: number; readonly socket: string; readonly code: number | null }
  | { readonly kind: 'ws_text'; readonly t_ms: number; readonly socket: string; readonly message: RecordedMessage }
  | { readonly kind: 'ws_binary'; readonly t_ms: number; readonly socket: string; readonly event_type: number }
  | { readonly kind: 'note'; readonly t_ms: number; readonly note: unknown };

/** A line with its number in the file, from 1. */
export type RecordedLine = { readonly line: number } & (RecordedRequest | RecordedEvent);

export async function loadRecording(name: string): Promise<RecordedLine[]> {
  const text = await readFile(join(RECORDINGS, `${name}.jsonl`), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((row, index) => {
      const value = parsePythonJson(row);
      if (!isRecord(value)) throw new TypeError(`${name}:${index + 1} is no object`);
      // The files are part of this package; what is in them is what the types above say.
      return { kind: 'note', ...value, line: index + 1 } as unknown as RecordedLine;
    });
}

/** The classes of all graphs that were posted. */
export function postedClasses(lines: readonly RecordedLine[]): Set<string> {
  const classes = new Set<string>();
  for (const line of lines) {
    const prompt = line.kind === 'http' && isRecord(line.request_json) ? line.request_json['prompt'] : undefined;
    if (!isRecord(prompt)) continue;
    for (const node of Object.values(prompt)) {
      if (isRecord(node) && typeof node['class_type'] === 'string') classes.add(node['class_type']);
    }
  }
  return classes;
}
