import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@anime/blob-store';
import { FileMissingError, UnexpectedAnswerError, type ComfyClient } from '@anime/comfyui-client';
import type { EventData, JobExecutedV2 } from '@anime/contracts';
import { isProblem } from '@anime/problem-details';
import { failure, responseEvidence, type Failure } from '../domain/attempt/failure.js';
import { mediaTypeOf, SNIFF_LENGTH } from '../domain/attempt/media-type.js';
import type { WantedFile } from '../domain/attempt/wanted-outputs.js';

type ExecutedOutput = EventData<typeof JobExecutedV2>['outputs'][number];

/** Broken downloads of one file while the server is otherwise well. */
const TRIES = 5;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Streams files from the server straight into the blob store, one after the other in flat memory; their names are the
 * hashes of what came. Waits for a server that is away.
 * @returns the outputs, or why a file cannot be had; undefined when `signal` aborted
 * @throws ProblemError `storage-failed` of the blob store
 */
export async function fetchOutputs(
  files: readonly WantedFile[],
  client: ComfyClient,
  blobs: BlobStore,
  signal: AbortSignal,
): Promise<readonly ExecutedOutput[] | Failure | undefined> {
  const outputs: ExecutedOutput[] = [];
  for (const wanted of files) {
    const output = await fetchOutput(wanted, client, blobs, signal);
    if (output === undefined || 'class' in output) return output;
    outputs.push(output);
  }
  return outputs;
}

async function fetchOutput(
  { node, index, kind, role, file }: WantedFile,
  client: ComfyClient,
  blobs: BlobStore,
  signal: AbortSignal,
): Promise<ExecutedOutput | Failure | undefined> {
  for (let tries = 1, pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      const head: number[] = [];
      const { sha256, size } = await blobs.put(keepingHead(client.download(file), head, signal));
      if (size === 0)
        return failure('transient', 'output-missing', `${file.filename} of node ${node} is empty`, { nodeId: node });
      return {
        node,
        index,
        kind,
        role,
        blob: sha256,
        size,
        mediaType: mediaTypeOf(Uint8Array.from(head)),
        filename: file.filename,
        pixelSha256: null,
      };
    } catch (error) {
      if (signal.aborted) return undefined;
      if (error instanceof FileMissingError) {
        const message = `Node ${node} reported ${error.filename}, but the server has no such file`;
        return failure('transient', 'output-missing', message, { nodeId: node });
      }
      if (!isProblem(error, 'comfyui-unavailable')) throw error;
      if (tries === TRIES) return unreadable(node, file.filename, error);
      if (await isWell(client)) tries += 1;
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

function unreadable(node: string, filename: string, error: Error): Failure {
  return failure(
    'transient',
    'output-unreadable',
    `${filename} of node ${node} cannot be downloaded: ${error.message}`,
    {
      nodeId: node,
      ...(error instanceof UnexpectedAnswerError
        ? { httpStatus: error.answerStatus, response: responseEvidence(error.answerBody) }
        : {}),
    },
  );
}

/** Passes the chunks on and keeps the first bytes; stops in mid-stream when the service drains. */
async function* keepingHead(
  chunks: AsyncIterable<Uint8Array>,
  head: number[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    if (head.length < SNIFF_LENGTH) head.push(...chunk.subarray(0, SNIFF_LENGTH - head.length));
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
