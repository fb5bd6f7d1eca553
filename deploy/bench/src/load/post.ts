import { Pool } from 'undici';
import { percentile } from '../statistics.js';
import { serve } from './serve.js';
import { runWindow } from './windows.js';

export interface PostAsk {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly size: number;
}
export interface PostAnswer {
  /** Requests that were answered with 202. */
  readonly taken: number;
  readonly perSecond: number;
  readonly p50Ms: number;
}

const pools = new Map<string, Pool>();
let seed = 0;

/** Kept-alive connections, one request at a time on each. */
serve(async ({ url, connections, seconds, size }: PostAsk): Promise<PostAnswer> => {
  const key = `${url} ${connections}`;
  const pool = pools.get(key) ?? new Pool(url, { connections, pipelining: 1 });
  pools.set(key, pool);
  const { perSecond, ms } = await runWindow(connections, seconds, () => postJob(pool, size));
  return { taken: ms.length, perSecond, p50Ms: percentile(ms, 0.5) };
});

async function postJob(pool: Pool, size: number): Promise<void> {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: '/api/anime/generate/image',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      prompt: 'a girl with blue hair on a cliff above the sea, sunset',
      width: size,
      height: size,
      steps: 1,
      seed: (seed += 1),
    }),
  });
  const answer = await body.text();
  if (statusCode !== 202) throw new Error(`POST answered ${statusCode}: ${answer}`);
}
