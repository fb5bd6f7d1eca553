import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceProcess } from '@anime/testing/processes';
import { fetch } from 'undici';
import { atMost } from '../figure.js';
import { pss } from '../memory.js';
import type { BenchRow, Measured } from '../row.js';
import { requestJob } from '../soak/request-job.js';
import { ENDS, Trails } from '../soak/trails.js';
import { percentile } from '../statistics.js';
import { BenchStudio } from '../studio.js';

/** Each takes two prompts at a time. */
const SERVERS = 10;
/** So many jobs are open at a time. */
const OPEN = 2 * SERVERS;
/** From the last request on. */
const END_LIMIT_MS = 60_000;
const MEMORY_POLL_MS = 50;
const MIB = 1024 ** 2;
const UNTIL_EXECUTED: ReadonlySet<string> = new Set(['job.executed', ...ENDS]);

export const executor: BenchRow = {
  name: 'executor',
  about:
    'many jobs that take no time, 20 at a time on 10 servers: none may hang; memory of the executor, also with a large output',
  run: async (context) => {
    context.step(`starting 3 services and ${SERVERS} simulators`);
    await using studio = await BenchStudio.start(context, { postgres: true, simulators: SERVERS });
    const gateway = await studio.service('gateway');
    await studio.service('orchestrator');
    const service = await studio.service('comfyui-executor');
    return [...(await manyJobs(studio, gateway.url, service)), await largeOutput(studio, gateway.url, service)];
  },
};

async function manyJobs(studio: BenchStudio, gateway: string, service: ServiceProcess): Promise<Measured[]> {
  const { context } = studio;
  const jobs = context.quick ? 500 : 10_000;
  await using trails = new Trails(studio.nats.url, UNTIL_EXECUTED);
  await using memory = new MemoryWatch(service.pid);
  const began = performance.now();
  const requested: string[] = [];
  const bytesAt: { readonly job: number; readonly bytes: number }[] = [];
  for (let n = 0; n < jobs; n += 1) {
    await trails.whenEnded(requested.length - OPEN + 1, END_LIMIT_MS);
    requested.push(await requestJob(gateway, { steps: 1, seed: n }));
    bytesAt.push(...memory.take().map((bytes) => ({ job: n, bytes })));
    if (n % (jobs / 10) === 0) context.step(`${n} of ${jobs} jobs that take no time`);
  }
  await trails.whenEnded(jobs, END_LIMIT_MS);
  const perSecond = (jobs / (performance.now() - began)) * 1_000;
  const last = requested.map((jobId) => trails.of(jobId).map(({ type }) => type));
  const hung = last.filter((types) => !types.some((type) => UNTIL_EXECUTED.has(type)));
  const again = last.filter((types) => types.filter((type) => type === 'job.assigned').length > 1);
  const median = (from: number, to: number): number | undefined => {
    const sizes = bytesAt.flatMap(({ job, bytes }) => (job >= from * jobs && job <= to * jobs ? [bytes] : []));
    return sizes.length === 0 ? undefined : percentile(sizes, 0.5) / MIB;
  };
  const [early, late] = [median(0.1, 0.2), median(0.9, 1)];
  return [
    {
      what: `hung, of ${jobs} jobs that take no time, ${OPEN} at a time`,
      unit: 'jobs',
      value: hung.length,
      baseline: null,
      budgets: [atMost(0)],
      note: `${again.length} needed a second attempt; ${perSecond.toFixed(1)} jobs/s to \`executed\``,
    },
    {
      what: `growth of the executor's memory (PSS) over ${jobs} jobs`,
      unit: 'MiB',
      value: early === undefined || late === undefined ? null : late - early,
      baseline: null,
      budgets: [atMost(20)],
      note: `median ${early?.toFixed(0)} MiB in the second tenth of the jobs, ${late?.toFixed(0)} MiB in the last`,
    },
  ];
}

async function largeOutput(studio: BenchStudio, gateway: string, service: ServiceProcess): Promise<Measured> {
  const { context } = studio;
  const most = async (mib: number, seed: number): Promise<number | undefined> => {
    context.step(`an output of ${mib} MiB`);
    for (const url of studio.simulators) await setFileBytes(url, mib * MIB);
    await using trails = new Trails(studio.nats.url, UNTIL_EXECUTED);
    await using memory = new MemoryWatch(service.pid);
    const jobId = await requestJob(gateway, { steps: 1, seed });
    for (let ended = false; !ended;) {
      await trails.whenEnded(trails.ended + 1, END_LIMIT_MS);
      ended = trails.of(jobId).some(({ type }) => UNTIL_EXECUTED.has(type));
    }
    const executed = trails.of(jobId).find(({ type }) => type === 'job.executed');
    if (executed === undefined) throw new Error(`the job with an output of ${mib} MiB did not succeed`);
    return memory.most;
  };
  const large = context.quick ? 640 : 1024;
  // Larger than what is decoded, so that both only pass through.
  const small: number[] = [];
  for (const seed of [1, 2]) small.push((await most(520, 1_000_000 + seed)) ?? Number.NaN);
  const big = (await most(large, 1_000_003)) ?? Number.NaN;
  const growth = (big - Math.max(...small)) / MIB;
  return {
    what: `growth of the executor's memory (PSS), an output of 520 to one of ${large} MiB`,
    unit: 'MiB',
    value: Number.isNaN(growth) ? null : growth,
    baseline: null,
    budgets: [atMost(20)],
    note: `at most ${(Math.max(...small) / MIB).toFixed(0)} MiB with the smaller ones, ${(big / MIB).toFixed(0)} MiB with the larger one`,
  };
}

async function setFileBytes(url: string, fileBytes: number): Promise<void> {
  const response = await fetch(`${url}/simulator/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ fileBytes }),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
}

/** Asks for a process's memory again and again; on a system that does not tell there is nothing. */
class MemoryWatch implements AsyncDisposable {
  readonly #over = new AbortController();
  readonly #watching: Promise<void>;
  #taken: number[] = [];
  #most: number | undefined;

  constructor(pid: number) {
    this.#watching = this.#watch(pid);
    this.#watching.catch(() => undefined);
  }

  get most(): number | undefined {
    return this.#most;
  }

  /** What was measured since it was last asked, in bytes. */
  take(): number[] {
    const taken = this.#taken;
    this.#taken = [];
    return taken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#watching;
  }

  async #watch(pid: number): Promise<void> {
    while (!this.#over.signal.aborted) {
      const bytes = await pss(pid);
      if (bytes === undefined) return;
      this.#taken.push(bytes);
      this.#most = Math.max(bytes, this.#most ?? 0);
      await delay(MEMORY_POLL_MS, undefined, { signal: this.#over.signal }).catch(() => undefined);
    }
  }
}
