import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { percentile } from '../statistics.js';
import { serve } from './serve.js';

export type ViewersAsk =
  /** Connects viewers of each job, and returns when they have been told where they begin. */
  | { readonly kind: 'connect'; readonly url: string; readonly jobs: readonly string[]; readonly viewersPerJob: number }
  /** What came since the last time. Waits until `expected` have come, or nothing has for two seconds. */
  | { readonly kind: 'collect'; readonly expected: number };

export interface Deliveries {
  readonly count: number;
  /** Messages that say their place in the stream. */
  readonly placed: number;
  /** Those of them whose `prev` is not the one before. */
  readonly gaps: number;
  /** From the publisher's clock to the socket's event. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Between the first and the last delivery. */
  readonly perSecond: number;
}

const TITLE = Buffer.from('"nodeTitle":"');
const DIGITS = 16;
const SILENCE_MS = 2_000;

let ms: number[] = [];
let placed = 0;
let gaps = 0;
let first = 0;
let last = 0;

/** A viewer reads as little as it can, so that it does not become what is measured. */
function view(socket: WebSocket): Promise<void> {
  const begun = Promise.withResolvers<void>();
  let seen: number | undefined;
  socket.on('message', (data: Buffer) => {
    const now = (performance.timeOrigin + performance.now()) * 1_000;
    const head = data.toString('latin1', 0, 80);
    const place = /"seq":(\d+),"prev":(\d+)/.exec(head);
    if (place !== null) {
      placed += 1;
      if (seen !== undefined && Number(place[2]) !== seen) gaps += 1;
      seen = Number(place[1]);
    }
    if (!head.startsWith('{"type":"progress"') && !head.startsWith('{"jobId"')) return begun.resolve();
    const at = data.indexOf(TITLE);
    if (at < 0) return;
    ms.push((now - Number(data.toString('latin1', at + TITLE.length, at + TITLE.length + DIGITS))) / 1_000);
    if (first === 0) first = now;
    last = now;
  });
  return begun.promise;
}

serve(async (ask: ViewersAsk): Promise<Deliveries> => {
  if (ask.kind === 'connect') await open(ask);
  if (ask.kind === 'collect') await settled(ask.expected);
  const count = ms.length;
  const deliveries = {
    count,
    placed,
    gaps,
    p50Ms: count === 0 ? 0 : percentile(ms, 0.5),
    p99Ms: count === 0 ? 0 : percentile(ms, 0.99),
    perSecond: last > first ? ((count - 1) / (last - first)) * 1_000_000 : 0,
  };
  [ms, placed, gaps, first, last] = [[], 0, 0, 0, 0];
  return deliveries;
});

/** Messages that were folded into a later one never come. */
async function settled(expected: number): Promise<void> {
  let before = ms.length;
  for (let silentSince = performance.now(); ms.length < expected;) {
    if (performance.now() - silentSince > SILENCE_MS) return;
    await delay(50);
    if (ms.length > before) silentSince = performance.now();
    before = ms.length;
  }
}

async function open({ url, jobs, viewersPerJob }: Extract<ViewersAsk, { readonly kind: 'connect' }>): Promise<void> {
  for (const job of jobs) {
    const opened = Array.from({ length: viewersPerJob }, async () => {
      const address = `${url.replace('http', 'ws')}/api/anime/jobs/${job}/progress`;
      const socket = new WebSocket(address, { perMessageDeflate: false });
      const begun = view(socket);
      await once(socket, 'open');
      await begun;
    });
    await Promise.all(opened);
  }
}
