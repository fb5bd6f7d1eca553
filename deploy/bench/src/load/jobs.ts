import { JobAcceptedV1, JobCompletedV1, JobExecutedV1, type ApiGraph, type EventContract } from '@anime/contracts';
import { isEvent, openLog, type RecordedEvent } from '@anime/event-store';
import { Pool } from 'undici';
import { DirectComfyui } from '../raw/direct-comfyui.js';
import { serve } from './serve.js';

export interface JobsAsk {
  /** `product`: POSTs jobs to `url`. `direct`: runs the same graphs on the ComfyUI servers themselves. */
  readonly who: 'product' | 'direct';
  readonly natsUrl: string;
  readonly gateway: string;
  readonly comfyui: readonly string[];
  readonly jobs: number;
  /** `one by one`: each job is begun when the one before has ended. */
  readonly how: 'one by one' | 'all at once';
  readonly size: number;
  readonly until: 'executed' | 'completed';
}
export interface JobsAnswer {
  /** One by one: from the 202 (direct: from before the POST) to the end. */
  readonly ms: readonly number[];
  readonly perSecond: number;
}

const ENDS = { executed: JobExecutedV1, completed: JobCompletedV1 } satisfies Record<JobsAsk['until'], EventContract>;
const FAILED = new Set(['job.failed', 'job.rejected', 'job.cancelled', 'job.attempt-failed']);

/** Follows the log as any reader does, and tells when a job has come to some event. */
class Watch {
  readonly #seen = new Map<string, Set<string>>();
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  graph: ApiGraph | undefined;

  async follow(natsUrl: string): Promise<void> {
    const log = openLog({ natsUrl, name: 'bench' });
    const begun = Promise.withResolvers<void>();
    const signal = new AbortController().signal;
    const following = log.follow({
      after: { position: 0, eventId: '' },
      signal,
      onBatch: async ({ entries, caughtUp }) => {
        for (const entry of entries) if (entry.status === 'event') this.#note(entry.event);
        if (caughtUp) begun.resolve();
      },
    });
    following.catch(begun.reject);
    await begun.promise;
  }

  /** @throws Error when the job fails instead */
  async reached(jobId: string, contract: EventContract): Promise<void> {
    if (this.#seen.get(jobId)?.has(contract.type) === true) return;
    const waiting = Promise.withResolvers<void>();
    this.#waiting.set(`${jobId} ${contract.type}`, waiting);
    await waiting.promise;
  }

  #note(event: RecordedEvent): void {
    const types = this.#seen.get(event.aggregateId) ?? new Set();
    this.#seen.set(event.aggregateId, types.add(event.type));
    if (isEvent(event, JobAcceptedV1)) {
      const graph = event.data.variants[0]?.graph;
      if (graph !== undefined && 'inline' in graph) this.graph = graph.inline;
    }
    this.#waiting.get(`${event.aggregateId} ${event.type}`)?.resolve();
    if (!FAILED.has(event.type)) return;
    for (const [key, waiting] of this.#waiting) {
      if (key.startsWith(event.aggregateId)) waiting.reject(new Error(`${event.type}: ${JSON.stringify(event.data)}`));
    }
  }
}

let watch: Watch | undefined;
let gateway: Pool | undefined;
let seed = 1_000_000;

serve(async (ask: JobsAsk): Promise<JobsAnswer> => {
  if (watch === undefined) {
    watch = new Watch();
    await watch.follow(ask.natsUrl);
  }
  gateway ??= new Pool(ask.gateway, { connections: 16 });
  return ask.who === 'product' ? product(ask, watch, gateway) : direct(ask, watch);
});

async function product({ jobs, how, size, until }: JobsAsk, seen: Watch, pool: Pool): Promise<JobsAnswer> {
  const began = performance.now();
  const ms: number[] = [];
  const run = async (): Promise<void> => {
    const jobId = await request(pool, size);
    const from = performance.now();
    await seen.reached(jobId, ENDS[until]);
    ms.push(performance.now() - from);
    // The next one shall find everything idle.
    if (how === 'one by one') await seen.reached(jobId, JobCompletedV1);
  };
  await repeat(jobs, how, run);
  return { ms, perSecond: (jobs / (performance.now() - began)) * 1_000 };
}

async function request(pool: Pool, size: number): Promise<string> {
  seed += 1;
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: '/api/anime/generate/image',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'a girl on a cliff above the sea', width: size, height: size, steps: 1, seed }),
  });
  const answer = (await body.json()) as { readonly jobId: string };
  if (statusCode !== 202) throw new Error(`POST answered ${statusCode}: ${JSON.stringify(answer)}`);
  return answer.jobId;
}

async function direct({ jobs, how, comfyui }: JobsAsk, { graph }: Watch): Promise<JobsAnswer> {
  if (graph === undefined) throw new Error('the product must run first: its graph is what is run directly');
  const servers = await Promise.all(comfyui.map((url) => DirectComfyui.connect(url)));
  const ms: number[] = [];
  let next = 0;
  const began = performance.now();
  await repeat(jobs, how, async () => {
    const server = servers[(next += 1) % servers.length];
    const from = performance.now();
    await server?.run(graph);
    ms.push(performance.now() - from);
  });
  const perSecond = (jobs / (performance.now() - began)) * 1_000;
  for (const server of servers) await server[Symbol.asyncDispose]();
  return { ms, perSecond };
}

async function repeat(times: number, how: JobsAsk['how'], once: () => Promise<void>): Promise<void> {
  if (how === 'all at once') await Promise.all(Array.from({ length: times }, once));
  else for (let n = 0; n < times; n += 1) await once();
}
