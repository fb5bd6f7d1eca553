import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ComfyClient, type ComfyClientOptions } from '../comfy-client.js';

export type Handler = (request: IncomingMessage, answer: ServerResponse) => void;

/** Clients of servers that answer as a test says, for what a ComfyUI does that the simulator does not. */
export class OddServers {
  readonly #closing: (() => Promise<void> | void)[] = [];

  async client(handler: Handler, options: Partial<ComfyClientOptions> = {}): Promise<ComfyClient> {
    const made = new ComfyClient({ baseUrl: await this.server(handler), timeoutMs: 5_000, ...options });
    this.#closing.push(() => made.close());
    return made;
  }

  /** @returns its URL */
  async server(handler: Handler): Promise<string> {
    const http = createServer(handler);
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    this.#closing.push(() => {
      http.closeAllConnections();
      http.close();
    });
    const { port } = http.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0).toReversed()) await close();
  }
}

export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

export const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
