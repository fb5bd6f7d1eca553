import { setTimeout as delay } from 'node:timers/promises';
import { ProgressV1, type Progress } from '@anime/contracts';
import { publishLive } from '@anime/messaging';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { RAW_PROGRESS_ROOT } from '../raw/raw-progress.js';
import { serve } from './serve.js';

export interface PublishAsk {
  /** `raw`: the same messages on the subjects of another stream with the same settings. */
  readonly who: 'product' | 'raw';
  readonly natsUrl: string;
  readonly jobs: readonly string[];
  /** Messages per second and job. */
  readonly perSecond: number;
  readonly seconds: number;
}
export interface PublishAnswer {
  readonly published: number;
  /** Longer than it should have taken when the publisher could not keep up. */
  readonly tookSeconds: number;
}

const TICK_MS = 5;

let nc: NatsConnection | undefined;

/** Publishes as an executor does, evenly spread; each message says in `nodeTitle` when it was sent (µs since 1970). */
serve(async ({ who, natsUrl, jobs, perSecond, seconds }: PublishAsk): Promise<PublishAnswer> => {
  nc ??= await connect({ servers: natsUrl });
  const contract = { ...ProgressV1, subject: who === 'raw' ? `${RAW_PROGRESS_ROOT}.{jobId}` : ProgressV1.subject };
  const began = performance.now();
  const total = Math.round(jobs.length * perSecond * seconds);
  let published = 0;
  while (published < total) {
    const due = Math.min(total, Math.floor(((performance.now() - began) / 1_000) * jobs.length * perSecond));
    for (; published < due; published += 1) {
      const jobId = jobs[published % jobs.length] ?? '';
      publishLive(nc, contract, { jobId }, progress(jobId, Math.floor(published / jobs.length), perSecond * seconds));
    }
    await delay(TICK_MS);
  }
  await nc.flush();
  return { published, tookSeconds: (performance.now() - began) / 1_000 };
});

function progress(jobId: string, step: number, steps: number): Progress {
  return ProgressV1.data.parse({
    jobId,
    attempt: 1,
    phase: 'running',
    fraction: Math.min(0.99, step / steps),
    node: '3',
    nodeTitle: String(Math.round((performance.timeOrigin + performance.now()) * 1_000)),
    step,
    steps,
    at: new Date().toISOString(),
  });
}
