import type { BlobStore } from '@anime/blob-store';
import { UnexpectedAnswerError, type ComfyClient } from '@anime/comfyui-client';
import type { InputFile } from '@anime/contracts';
import { isProblem } from '@anime/problem-details';
import { failure, responseEvidence, type Failure } from '../domain/attempt/failure.js';
import type { ServerMemory } from './server-memory.js';

/** Puts what graphs take in onto one server, each file once per start of it, under the name of its content. */
export class InputUploads {
  readonly #client: ComfyClient;
  readonly #blobs: BlobStore;
  readonly #server: ServerMemory;
  #boot = 0;
  #there = new Set<string>();

  constructor(client: ComfyClient, blobs: BlobStore, server: ServerMemory) {
    this.#client = client;
    this.#blobs = blobs;
    this.#server = server;
  }

  /**
   * @returns why a file cannot be had or is not taken; undefined when all are there
   * @throws ProblemError `comfyui-unavailable` when the server does not answer, `storage-failed`; the reason of `signal` when that aborts
   */
  async ensure(inputs: readonly InputFile[], signal: AbortSignal): Promise<Failure | undefined> {
    if (this.#boot !== this.#server.boot) {
      this.#there = new Set();
      this.#boot = this.#server.boot;
    }
    for (const input of inputs) {
      if (this.#there.has(input.name)) continue;
      const failed = await this.#upload(input, signal);
      if (failed !== undefined) return failed;
      this.#there.add(input.name);
    }
    return undefined;
  }

  /** The server has refused a graph: what was sent may have been deleted there. */
  forget(): void {
    this.#boot = 0;
  }

  async #upload({ parameter, blob, name, size }: InputFile, signal: AbortSignal): Promise<Failure | undefined> {
    const what = `The input ${name} (parameter ${parameter})`;
    try {
      if ((await this.#blobs.has(blob)) === undefined)
        return failure('internal', 'input-missing', `${what} is not in the blob store`);
      const bytes = this.#blobs.stream(blob);
      const { filename } = await this.#client.uploadImage({ bytes, size, name, overwrite: true }, { signal });
      if (filename === name) return undefined;
      return failure('internal', 'input-renamed', `${what} is called ${filename} by the server, so no node finds it`);
    } catch (error) {
      if (isProblem(error, 'blob-not-found') || isProblem(error, 'blob-corrupt'))
        return failure('internal', 'input-missing', `${what} cannot be read: ${error.message}`);
      if (!(error instanceof UnexpectedAnswerError)) throw error;
      const { answerStatus: httpStatus, answerBody, message } = error;
      const failureClass = httpStatus >= 500 ? 'transient' : 'internal';
      const evidence = { httpStatus, response: responseEvidence(answerBody) };
      return failure(failureClass, 'input-refused', `${what} is not taken by the server: ${message}`, evidence);
    }
  }
}
