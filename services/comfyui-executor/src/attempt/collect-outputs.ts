import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@anime/blob-store';
import { FileMissingError, UnexpectedAnswerError, type ComfyClient } from '@anime/comfyui-client';
import type { ExecutedOutput, OutputKind } from '@anime/contracts';
import { isProblem } from '@anime/problem-details';
import { hashPixels } from '../adapters/picture-pixels.js';
import { walkThrough } from '../domain/attempt/container.js';
import type { FileWalk } from '../domain/attempt/container-walk.js';
import { failure, responseEvidence, type Failure } from '../domain/attempt/failure.js';
import { mediaTypeOf, SNIFF_LENGTH } from '../domain/attempt/media-type.js';
import type { WantedFile, WantedOutputs, WantedText } from '../domain/attempt/wanted-outputs.js';

/** Broken downloads of one file while the server is otherwise well. */
const TRIES = 5;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/** Where outputs come from and go to. */
export interface OutputPlaces {
  readonly client: ComfyClient;
  readonly blobs: BlobStore;
}

/**
 * Puts texts and files into the blob store, one after the other. Files are streamed from the server in flat memory; their names
 * are the hashes of what came. On the way each is checked against its own structure, and pictures are decoded then, so that what is
 * cut off, or is not what was asked for, fails here. Waits for a server that is away.
 * @returns the outputs, texts first; or why one cannot be had; undefined when `signal` aborted
 * @throws ProblemError `storage-failed` of the blob store
 */
export async function collectOutputs(
  { files, texts }: WantedOutputs,
  places: OutputPlaces,
  signal: AbortSignal,
): Promise<readonly ExecutedOutput[] | Failure | undefined> {
  const outputs: ExecutedOutput[] = [];
  for (const wanted of texts) outputs.push(await storeText(wanted, places.blobs));
  for (const wanted of files) {
    const output = await fetchFile(wanted, places, signal);
    if (output === undefined || 'class' in output) return output;
    outputs.push(output);
  }
  return outputs;
}

async function storeText({ node, index, kind, role, text }: WantedText, blobs: BlobStore): Promise<ExecutedOutput> {
  const { sha256: blob, size } = await blobs.put(Buffer.from(text, 'utf8'));
  const filename = `text_${index}.txt`;
  return { node, index, kind, role, blob, size, mediaType: 'text/plain', filename, pixelSha256: null };
}

async function fetchFile(
  wanted: WantedFile,
  { client, blobs }: OutputPlaces,
  signal: AbortSignal,
): Promise<ExecutedOutput | Failure | undefined> {
  const { node, file } = wanted;
  for (let tries = 1, pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      const head: number[] = [];
      const walk = walkThrough();
      const { sha256, size } = await blobs.put(watching(client.download(file, { signal }), head, walk, signal));
      const mediaType = mediaTypeOf(Uint8Array.from(head));
      const flaw = size === 0 ? 'is empty' : (walk.end() ?? flawOfKind(wanted.kind, mediaType));
      if (flaw !== undefined) return torn(wanted, flaw);
      return await outputOf(wanted, { sha256, size, mediaType }, blobs);
    } catch (error) {
      if (signal.aborted) return undefined;
      if (error instanceof FileMissingError) {
        const message = `Node ${node} reported ${error.filename}, but the server has no such file`;
        return failure('transient', 'output-missing', message, { nodeId: node });
      }
      if (!isProblem(error, 'comfyui-unavailable')) throw error;
      if (tries === TRIES) return unreadable(wanted, error);
      if (await isWell(client)) tries += 1;
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

async function outputOf(
  wanted: WantedFile,
  stored: { readonly sha256: string; readonly size: number; readonly mediaType: string },
  blobs: BlobStore,
): Promise<ExecutedOutput | Failure> {
  const { node, index, kind, role, file } = wanted;
  const { sha256: blob, size, mediaType } = stored;
  const pixels = await hashPixels(stored, () => blobs.get(blob));
  if (pixels.kind === 'torn') return torn(wanted, `cannot be decoded: ${pixels.reason}`);
  const pixelSha256 = pixels.kind === 'hashed' ? pixels.sha256 : null;
  return { node, index, kind, role, blob, size, mediaType, filename: file.filename, pixelSha256 };
}

/** What a node of this kind cannot have made, e.g. the page of a proxy in place of a picture. */
function flawOfKind(kind: OutputKind, mediaType: string): string | undefined {
  const isPicture = mediaType.startsWith('image/');
  if ((kind === 'image' || kind === 'animation') && !isPicture) return `is no picture, but ${mediaType}`;
  return kind !== 'text' && mediaType === 'text/plain' ? `is no ${kind}, but text` : undefined;
}

function torn({ node, file }: WantedFile, how: string): Failure {
  return failure('transient', 'output-torn', `${file.filename} of node ${node} ${how}`, { nodeId: node });
}

function unreadable(wanted: WantedFile, error: Error): Failure {
  if (!(error instanceof UnexpectedAnswerError)) return torn(wanted, `never comes whole: ${error.message}`);
  const { node, file } = wanted;
  const message = `${file.filename} of node ${node} cannot be downloaded: ${error.message}`;
  return failure('transient', 'output-unreadable', message, {
    nodeId: node,
    httpStatus: error.answerStatus,
    response: responseEvidence(error.answerBody),
  });
}

/** Passes the chunks on, keeps the first bytes and leads the walk; stops in mid-stream when `signal` aborts. */
async function* watching(
  chunks: AsyncIterable<Uint8Array>,
  head: number[],
  walk: FileWalk,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    if (head.length < SNIFF_LENGTH) head.push(...chunk.subarray(0, SNIFF_LENGTH - head.length));
    walk.push(chunk);
    yield chunk;
  }
}

async function isWell(client: ComfyClient): Promise<boolean> {
  try {
    await client.queue();
    return true;
  } catch (error) {
    if (isProblem(error, 'comfyui-unavailable')) return false;
    throw error;
  }
}
