import { once } from 'node:events';
import { request } from 'node:http';
import { ViewerMessage } from '@anime/contracts';
import { eventually } from '@anime/testing';
import { WebSocket } from 'ws';

type OfType<T extends ViewerMessage['type']> = Extract<ViewerMessage, { readonly type: T }>;

/** A viewer of one job that keeps what it was sent, each message checked against its contract. */
export interface TestViewer {
  readonly socket: WebSocket;
  readonly messages: readonly ViewerMessage[];
  /** Close code, once it is closed. */
  readonly closed: Promise<number>;
  /** Waits for the first message of a type that fits. */
  see<T extends ViewerMessage['type']>(type: T, fits?: (message: OfType<T>) => boolean): Promise<OfType<T>>;
  /** Seqs of the progress messages so far, in order. */
  seqs(): number[];
  /** Cuts the connection without a word. */
  cut(): Promise<void>;
}

/**
 * Connects to a relay.
 * @param url of its HTTP server
 * @param shown how it says who it is
 */
export async function view(
  url: string,
  jobId: string,
  resume?: string,
  shown: { readonly headers?: Record<string, string>; readonly protocols?: string[] } = {},
): Promise<TestViewer> {
  const query = resume === undefined ? '' : `?resume=${encodeURIComponent(resume)}`;
  const socket = new WebSocket(
    `${url.replace('http', 'ws')}/api/anime/jobs/${jobId}/progress${query}`,
    shown.protocols ?? [],
    {
      perMessageDeflate: false,
      headers: shown.headers,
    },
  );
  const messages: ViewerMessage[] = [];
  const broken: unknown[] = [];
  socket.on('message', (data, isBinary) => {
    try {
      if (isBinary || !Buffer.isBuffer(data)) throw new Error('not one text message');
      messages.push(ViewerMessage.parse(JSON.parse(data.toString('utf8'))));
    } catch (error) {
      broken.push(error);
    }
  });
  const closed = once(socket, 'close').then(([code]) => code as number);
  closed.catch(() => undefined); // it fails as `open` does
  await once(socket, 'open');
  return {
    socket,
    messages,
    closed,
    see: async <T extends ViewerMessage['type']>(type: T, fits: (message: OfType<T>) => boolean = () => true) => {
      const isIt = (message: ViewerMessage): message is OfType<T> =>
        message.type === type && fits(message as OfType<T>);
      const found = await eventually(
        () => {
          if (broken.length > 0) throw broken[0];
          return messages.find(isIt);
        },
        { what: `a fitting message of type ${type} arrives` },
      );
      return found;
    },
    seqs: () => messages.filter((message) => message.type === 'progress').map((message) => message.seq),
    cut: async () => {
      socket.terminate();
      await closed;
    },
  };
}

/** Whether each message names the one before it, beginning at `prev`: then nothing is missing between them. */
export function isChain(messages: readonly ViewerMessage[], prev: number): boolean {
  let before = prev;
  return messages.every((message) => {
    const fits = message.prev === before;
    before = message.seq;
    return fits;
  });
}

export interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly body: unknown;
}

/**
 * What a viewer is told that may not connect.
 * @param headers in place of those of a right handshake; undefined leaves one out
 * @throws Error when it is let in
 */
export async function refusal(
  url: string,
  path: string,
  headers: Readonly<Record<string, string | undefined>> = {},
): Promise<Refusal> {
  const handshake = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
    ...headers,
  };
  const given = Object.fromEntries(Object.entries(handshake).filter(([, value]) => value !== undefined));
  const { hostname, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<Refusal>();
  const asked = request({ hostname, port, path, headers: given, agent: false });
  asked.on('error', reject);
  asked.on('upgrade', () => reject(new Error('it was let in')));
  asked.on('response', (response) => {
    let text = '';
    response.on('data', (part) => (text += String(part)));
    response.on('end', () =>
      resolve({
        status: response.statusCode ?? 0,
        type: response.headers['content-type'] ?? '',
        body: JSON.parse(text),
      }),
    );
  });
  asked.end();
  return promise.finally(() => asked.destroy());
}
