import { once } from 'node:events';
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

/** Connects to a relay. @param url of its HTTP server */
export async function view(url: string, jobId: string, resume?: string): Promise<TestViewer> {
  const query = resume === undefined ? '' : `?resume=${encodeURIComponent(resume)}`;
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/anime/jobs/${jobId}/progress${query}`, { perMessageDeflate: false });
  const messages: ViewerMessage[] = [];
  const broken: unknown[] = [];
  socket.on('message', (data, isBinary) => {
    try {
      if (isBinary) throw new Error('a binary message');
      messages.push(ViewerMessage.parse(JSON.parse(String(data))));
    } catch (error) {
      broken.push(error);
    }
  });
  const closed = once(socket, 'close').then(([code]) => code as number);
  await once(socket, 'open');
  return {
    socket,
    messages,
    closed,
    see: async <T extends ViewerMessage['type']>(type: T, fits: (message: OfType<T>) => boolean = () => true) => {
      const isIt = (message: ViewerMessage): message is OfType<T> => message.type === type && fits(message as OfType<T>);
      const found = await eventually(
        () => {
          if (broken.length > 0) throw broken[0];
          return messages.find(isIt);
        },
        { what: `a fitting message of type ${type} arrives`, timeoutMs: 15_000 },
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

/** What a viewer is told when it may not connect. */
export async function refusal(url: string, path: string, headers: Record<string, string> = {}): Promise<{ readonly status: number; readonly type: string; readonly body: unknown }> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, { headers });
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; type: string; body: unknown }>();
  socket.on('error', () => undefined);
  socket.on('open', () => reject(new Error('it was let in')));
  socket.on('unexpected-response', (_request, response) => {
    let text = '';
    response.on('data', (part) => (text += String(part)));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body: JSON.parse(text) }));
  });
  return promise.finally(() => socket.terminate());
}
