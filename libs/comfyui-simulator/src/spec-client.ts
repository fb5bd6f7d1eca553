import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { type Simulator, type SimulatorOptions, startSimulator } from './simulator.js';

/** What the specs use to talk to a simulator over real HTTP and a real websocket. */

const PACKAGE = join(import.meta.dirname, '..');

/** A fixture file: excerpts of recordings of a ComfyUI 0.33.0. */
export async function fixture<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(join(PACKAGE, 'fixtures', name), 'utf8')) as T;
}

/** The graph of one of the built-in workflow templates. */
export async function templateGraph(id: string): Promise<TestGraph> {
  const file = join(PACKAGE, '..', '..', 'workflows', id, 'v1', 'graph.api.json');
  return JSON.parse(await readFile(file, 'utf8')) as TestGraph;
}

export type TestGraph = Record<string, { class_type: string; inputs: Record<string, unknown> }>;

/** The checkpoint of the server that was recorded. */
export const RECORDED_CHECKPOINT = 'tiny-random-sd15.safetensors';

/** A simulator with a folder of its own, both gone at the end of the scope. */
export async function withSimulator(
  use: (simulator: Simulator, dataDir: string) => Promise<void>,
  options: Partial<SimulatorOptions> = {},
): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'comfyui-simulator-'));
  try {
    await using simulator = await startSimulator({
      dataDir,
      stepDelayMs: 1,
      checkpoints: [RECORDED_CHECKPOINT],
      ...options,
    });
    await use(simulator, dataDir);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  json<T = Record<string, unknown>>(): T;
}

export async function request(simulator: Simulator, path: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(simulator.url + path, init);
  const text = await response.text();
  return { status: response.status, text, headers: response.headers, json: <T>() => JSON.parse(text) as T };
}

export async function get<T = Record<string, unknown>>(simulator: Simulator, path: string): Promise<T> {
  return (await request(simulator, path)).json<T>();
}

export function post(simulator: Simulator, path: string, body?: unknown): Promise<Answer> {
  return request(simulator, path, { method: 'POST', ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}

export interface Message {
  readonly type: string;
  readonly data: Record<string, unknown>;
}

/** A websocket client that keeps everything it hears; binary frames appear as `{type: 'binary', data: {event}}`. */
export class TestSocket implements Disposable {
  readonly messages: Message[] = [];
  readonly binary: Buffer[] = [];
  closeCode: number | undefined;
  private readonly waiting = new Set<() => void>();

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data, isBinary) => {
      const bytes = Buffer.isBuffer(data) ? data : Buffer.alloc(0);
      if (isBinary) this.binary.push(bytes);
      this.messages.push(
        isBinary
          ? { type: 'binary', data: { event: bytes.readUInt32BE(0) } }
          : (JSON.parse(bytes.toString('utf8')) as Message),
      );
      this.wake();
    });
    socket.on('close', (code) => {
      this.closeCode = code;
      this.wake();
    });
  }

  /** Resolves once the greeting has come. */
  static async open(simulator: Pick<Simulator, 'url'>, clientId: string): Promise<TestSocket> {
    const url = `${simulator.url.replace('http', 'ws')}/ws?clientId=${clientId}`;
    const client = new TestSocket(new WebSocket(url, { perMessageDeflate: false }));
    await client.until(() => client.messages.length > 0);
    return client;
  }

  /** Resolves as soon as the condition holds; asked at every message and at the close. */
  async until(condition: () => boolean, timeoutMs = 20_000): Promise<void> {
    const deadline = AbortSignal.timeout(timeoutMs);
    while (!condition()) {
      await new Promise<void>((resolve, reject) => {
        this.waiting.add(resolve);
        const heard = this.messages.map(({ type }) => type).join(' ');
        deadline.addEventListener('abort', () => reject(new Error(`waited in vain; heard: ${heard}`)), { once: true });
      });
    }
  }

  /** Waits for the message that ends a prompt, `executing` of no node. */
  async settled(promptId: string): Promise<void> {
    await this.until(() =>
      this.messages.some(
        ({ type, data }) => type === 'executing' && data['node'] === null && data['prompt_id'] === promptId,
      ),
    );
  }

  async closed(): Promise<void> {
    await this.until(() => this.closeCode !== undefined);
  }

  ofType(type: string): Message[] {
    return this.messages.filter((message) => message.type === type);
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }

  private wake(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** POSTs a graph for a client. @returns the prompt id */
export async function submit(
  simulator: Simulator,
  graph: unknown,
  clientId?: string,
  extra: Record<string, unknown> = {},
): Promise<string> {
  const client = clientId === undefined ? {} : { client_id: clientId };
  const answer = await post(simulator, '/prompt', { prompt: graph, ...client, ...extra });
  if (answer.status !== 200) throw new Error(`POST /prompt: ${answer.status} ${answer.text}`);
  return answer.json<{ prompt_id: string }>().prompt_id;
}

/**
 * The same value with its leaves replaced by their types: two values of one shape are equal then. Arrays are reduced
 * to the shape of their first element.
 */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shapeOf(member)]));
  }
  return value === null ? 'null' : typeof value;
}

/** A graph that is done in no time; each colour is one of its own. */
export const quick = (color: number, prefix = 'q'): TestGraph => ({
  '1': { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color } },
  '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: prefix } },
});

/** Polls until history or the lists of the queue say so. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('waited in vain');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** As /api/jobs says. */
export const statusOf = async (simulator: Simulator, id: string): Promise<unknown> =>
  (await get(simulator, `/api/jobs/${id}`))['status'];

/** Once it is neither pending nor running. */
export const settledStatus = async (simulator: Simulator, id: string): Promise<unknown> => {
  await until(async () => !['pending', 'in_progress'].includes(String(await statusOf(simulator, id))));
  return statusOf(simulator, id);
};
