import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Simulator } from './simulator.js';
import { get, request, submit, type TestGraph, TestSocket } from './spec-client.js';
import { type MediaInfo, probe } from './media/ffmpeg.js';

/** What the specs use to run graphs of many nodes and to look into the files they make. */

const GRAPHS = join(import.meta.dirname, '..', 'fixtures', 'graphs');

/** The graphs of the studio's templates, by file name without its ending. */
export async function studioGraphs(): Promise<Record<string, TestGraph>> {
  const names = (await readdir(GRAPHS)).filter((name) => name.endsWith('.json')).sort();
  const graphs = names.map(async (name) => {
    const file = JSON.parse(await readFile(join(GRAPHS, name), 'utf8')) as { prompt: TestGraph };
    return [name.replace('.json', ''), file.prompt] as const;
  });
  return Object.fromEntries(await Promise.all(graphs));
}

/** Reported of one file in history. */
export interface ReportedFile {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

export interface Finished {
  readonly id: string;
  readonly status: string;
  /** By node and key. */
  readonly outputs: Record<string, Record<string, ReportedFile[]>>;
  /** Of `execution_error` in the history's messages. */
  readonly error: string | undefined;
}

/** Runs a graph to its end. */
export async function run(
  simulator: Simulator,
  graph: unknown,
  extra: Record<string, unknown> = {},
): Promise<Finished> {
  using socket = await TestSocket.open(simulator, 'graphs');
  const id = await submit(simulator, graph, 'graphs', extra);
  await socket.settled(id);
  const history = await get<Record<string, HistoryEntry>>(simulator, `/history/${id}`);
  const entry = history[id];
  if (entry === undefined) throw new Error(`no history of ${id}`);
  const error = entry.status.messages.find(([event]) => event === 'execution_error')?.[1];
  return {
    id,
    status: entry.status.status_str,
    outputs: entry.outputs,
    error: error === undefined ? undefined : `${String(error['node_type'])}: ${String(error['exception_message'])}`,
  };
}

interface HistoryEntry {
  readonly outputs: Record<string, Record<string, ReportedFile[]>>;
  readonly status: { readonly status_str: string; readonly messages: [string, Record<string, unknown>][] };
}

/** All files of a run in the order of nodes and keys. */
export function filesOf({ outputs }: Finished): ReportedFile[] {
  return Object.values(outputs).flatMap((keys) =>
    Object.values(keys).flatMap((members) =>
      members.filter((member) => typeof member === 'object' && 'filename' in member),
    ),
  );
}

export async function download(simulator: Simulator, { filename, subfolder, type }: ReportedFile): Promise<Buffer> {
  const query = new URLSearchParams({ filename, subfolder, type });
  const response = await fetch(`${simulator.url}/view?${String(query)}`);
  if (response.status !== 200) throw new Error(`/view ${filename}: ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

/** What ffprobe finds in a file of the server. */
export async function mediaInfo(simulator: Simulator, file: ReportedFile): Promise<MediaInfo> {
  const folder = await mkdtemp(join(tmpdir(), 'comfyui-simulator-probe-'));
  try {
    const path = join(folder, file.filename);
    await writeFile(path, await download(simulator, file));
    return await probe(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Raw RGB of a picture file. */
export function pixelsOf(file: Buffer): Promise<Buffer> {
  return sharp(file).removeAlpha().toColourspace('srgb').raw().toBuffer();
}

/** A PNG with a gradient, so that nothing about it is by chance alike. */
export function gradient(width: number, height: number, blue = 128): Promise<Buffer> {
  const pixels = Buffer.alloc(width * height * 3);
  for (let at = 0; at < width * height; at += 1) {
    pixels[at * 3] = Math.round(((at % width) / width) * 255);
    pixels[at * 3 + 1] = Math.round((Math.floor(at / width) / height) * 255);
    pixels[at * 3 + 2] = blue;
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Black and white stripes of eight pixels. */
export function stripes(width: number, height: number): Promise<Buffer> {
  const pixels = Buffer.alloc(width * height * 3);
  for (let at = 0; at < width * height; at += 1) if ((at % width) & 8) pixels.fill(255, at * 3, at * 3 + 3);
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** White in the left half, black in the right. */
export function halfMask(width: number, height: number): Promise<Buffer> {
  const pixels = Buffer.alloc(width * height * 3);
  for (let at = 0; at < width * height; at += 1) if (at % width < width / 2) pixels.fill(255, at * 3, at * 3 + 3);
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

export async function upload(simulator: Simulator, name: string, bytes: Buffer): Promise<void> {
  const form = new FormData();
  form.set('image', new File([new Uint8Array(bytes)], name));
  form.set('overwrite', 'true');
  const answer = await request(simulator, '/upload/image', { method: 'POST', body: form });
  if (answer.status !== 200) throw new Error(`upload of ${name}: ${answer.status}`);
}

/** Mean distance of two pictures per channel, 0 to 255. */
export function distance(a: Buffer, b: Buffer): number {
  if (a.length !== b.length) throw new Error('the pictures have different sizes');
  return a.reduce((sum, value, at) => sum + Math.abs(value - (b[at] ?? 0)), 0) / a.length;
}

/** A graph with the inputs of some nodes replaced. */
export function changed(graph: TestGraph, inputs: Readonly<Record<string, Record<string, unknown>>>): TestGraph {
  const copy = structuredClone(graph);
  for (const [id, values] of Object.entries(inputs)) {
    const node = copy[id];
    if (node === undefined) throw new Error(`the graph has no node ${id}`);
    Object.assign(node.inputs, values);
  }
  return copy;
}
