import {
  JobAcceptedV3,
  JobAttemptFailedV2,
  JobCancelledV1,
  JobCompletedV1,
  JobExecutedV2,
  JobFailedV1,
  JobRejectedV1,
  type ApiGraph,
  type EventContract,
} from '@anime/contracts';
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

const ENDS = { executed: JobExecutedV2, completed: JobCompletedV1 } satisfies Record<JobsAsk['until'], EventContract>;
const FAILED: ReadonlySet<string> = new Set(
  [JobFailedV1, JobRejectedV1, JobCancelledV1, JobAttemptFailedV2].map(({ type }) => type),
);

/** Follows the log as any reader does, and tells when a job has come to some event. */
class Watch {
  readonly #seen = new Map<string, Map<string, RecordedEvent>>();
  readonly #waiting = new Map<string, { readonly wanted: string; readonly ended: PromiseWithResolvers<void> }>();
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
  async reached(jobId: string, { type }: EventContract): Promise<void> {
    const ended = Promise.withResolvers<void>();
    this.#waiting.set(jobId, { wanted: type, ended });
    this.#settle(jobId);
    await ended.promise;
  }

  #note(event: RecordedEvent): void {
    const events = this.#seen.get(event.aggregateId) ?? new Map<string, RecordedEvent>();
    this.#seen.set(event.aggregateId, events.set(event.type, event));
    if (isEvent(event, JobAcceptedV3)) {
      const graph = event.data.variants[0]?.graph;
      if (graph !== undefined && 'inline' in graph) this.graph = graph.inline;
    }
    this.#settle(event.aggregateId);
  }

  /** Tells who waits for a job what is known of it; it may have failed before anybody waited. */
  #settle(jobId: string): void {
    const waiting = this.#waiting.get(jobId);
    const events = this.#seen.get(jobId);
    if (waiting === undefined || events === undefined) return;
    const failure = [...events.values()].find(({ type }) => FAILED.has(type));
    if (failure !== undefined) waiting.ended.reject(new Error(`${failure.type}: ${JSON.stringify(failure.data)}`));
    else if (events.has(waiting.wanted)) waiting.ended.resolve();
    else return;
    this.#waiting.delete(jobId);
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
