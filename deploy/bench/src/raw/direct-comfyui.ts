import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Pool } from 'undici';
import { WebSocket } from 'ws';

type Graph = Readonly<Record<string, { readonly inputs: Readonly<Record<string, unknown>> }>>;

interface History {
  readonly [promptId: string]: {
    readonly outputs: Readonly<
      Record<
        string,
        {
          readonly images?: readonly { readonly filename: string; readonly subfolder: string; readonly type: string }[];
        }
      >
    >;
  };
}

/** Of all servers and windows together: none of them runs a graph again. */
let seed = 1;

/** A ComfyUI server driven by hand, as a script would: POST, wait for the websocket, history, download. */
export class DirectComfyui implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #clientId = randomUUID();
  readonly #socket: WebSocket;
  readonly #ended = new Map<string, () => void>();

  private constructor(url: string) {
    this.#pool = new Pool(url);
    this.#socket = new WebSocket(`${url.replace('http', 'ws')}/ws?clientId=${this.#clientId}`, {
      perMessageDeflate: false,
    });
    this.#socket.on('message', (data: Buffer, binary) => {
      if (binary) return;
      const { type, data: said } = JSON.parse(data.toString('utf8')) as {
        readonly type: string;
        readonly data: { readonly prompt_id?: string };
      };
      if (type === 'execution_success') this.#ended.get(said.prompt_id ?? '')?.();
    });
  }

  static async connect(url: string): Promise<DirectComfyui> {
    const direct = new DirectComfyui(url);
    await once(direct.#socket, 'open');
    return direct;
  }

  /** Runs a graph with a seed that it has not had, until its outputs are downloaded. @returns bytes of them */
  async run(graph: Graph): Promise<number> {
    const promptId = randomUUID();
    const ended = new Promise<void>((resolve) => this.#ended.set(promptId, resolve));
    const body = { prompt: this.#withNewSeed(graph), prompt_id: promptId, client_id: this.#clientId };
    const posted = await this.#request('POST', '/prompt', JSON.stringify(body));
    if (posted.statusCode !== 200)
      throw new Error(`/prompt answered ${posted.statusCode}: ${await posted.body.text()}`);
    await posted.body.dump();
    await ended;
    this.#ended.delete(promptId);
    const history = (await (await this.#request('GET', `/history/${promptId}`)).body.json()) as History;
    let bytes = 0;
    for (const { images = [] } of Object.values(history[promptId]?.outputs ?? {})) {
      for (const image of images) {
        const view = await this.#request('GET', `/view?${new URLSearchParams({ ...image }).toString()}`);
        bytes += (await view.body.arrayBuffer()).byteLength;
      }
    }
    if (bytes === 0) throw new Error(`prompt ${promptId} made no picture`);
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate();
    await this.#pool.destroy();
  }

  /** The server answers from its cache what it has run before. */
  #withNewSeed(graph: Graph): Graph {
    seed += 1;
    const nodes = Object.entries(graph).map(([id, node]) => {
      return [id, 'seed' in node.inputs ? { ...node, inputs: { ...node.inputs, seed } } : node] as const;
    });
    return Object.fromEntries(nodes);
  }

  #request(method: 'GET' | 'POST', path: string, body?: string) {
    const headers = { 'content-type': 'application/json' };
    return this.#pool.request({ method, path, ...(body === undefined ? {} : { headers, body }) });
  }
}
