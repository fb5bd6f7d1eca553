import { setTimeout as delay } from 'node:timers/promises';
import { SERVICES } from '@anime/contracts';
import { fetch } from 'undici';
import { atMost } from '../figure.js';
import type { BenchContext, BenchRow, Measured } from '../row.js';
import { faultPlan, type PlannedFault } from '../soak/fault-plan.js';
import { requestJob } from '../soak/request-job.js';
import { judgeTrail } from '../soak/trail-verdict.js';
import { Trails } from '../soak/trails.js';
import { BenchStudio } from '../studio.js';

const SEED = 20_261_122;
const SERVERS = 3;
/** So many jobs are open at a time. */
const OPEN = 24;
/** A fault strikes after so many jobs. */
const JOBS_PER_FAULT = 6;
/** From the last request on. Retries wait up to a minute each. */
const END_LIMIT_MS = 10 * 60_000;

export const soak: BenchRow = {
  name: 'soak',
  about:
    'jobs while faults strike their servers, drawn from a seed: none may hang, be lost, run twice or fail unexplained',
  run: async (context) => {
    const jobs = context.quick ? 60 : 1_000;
    // Without faults first: what they cost is seen beside it.
    const calm = await soakOnce(context, Math.ceil(jobs / 4), []);
    const struck = await soakOnce(context, jobs, faultPlan(SEED, Math.ceil(jobs / JOBS_PER_FAULT), SERVERS));
    const ofJobs = `of ${jobs} jobs under ${Math.ceil(jobs / JOBS_PER_FAULT)} faults (seed ${SEED})`;
    const none = (what: string, found: readonly string[]): Measured => ({
      what,
      unit: 'jobs',
      value: found.length,
      baseline: null,
      budgets: [atMost(0)],
      note: found.length === 0 ? ofJobs : `${ofJobs}: ${found.slice(0, 5).join('; ')}`,
    });
    return [
      none('hung', struck.hung),
      none('lost', struck.lost),
      none('ended or made outputs twice', struck.twice),
      none('ran again unlawfully', struck.unlawful),
      none('failed unexplained', struck.unexplained),
      {
        what: 'failed in the end, each with its reason',
        unit: 'jobs',
        value: struck.failed,
        baseline: null,
        budgets: [],
        note: `${struck.attempts} attempts for ${jobs} jobs; what struck: ${struck.struck}`,
      },
      {
        what: 'jobs under faults',
        unit: 'jobs/s',
        value: struck.perSecond,
        baseline: { what: 'without faults', value: calm.perSecond },
        budgets: [],
      },
    ];
  },
};

interface Soaked {
  readonly hung: readonly string[];
  readonly lost: readonly string[];
  readonly twice: readonly string[];
  readonly unlawful: readonly string[];
  readonly unexplained: readonly string[];
  readonly failed: number;
  readonly attempts: number;
  readonly perSecond: number;
  readonly struck: string;
}

async function soakOnce(context: BenchContext, jobs: number, faults: readonly PlannedFault[]): Promise<Soaked> {
  context.step(`starting a studio for ${jobs} jobs`);
  await using studio = await BenchStudio.start(context, { postgres: true, simulators: SERVERS });
  const services = await Promise.all(SERVICES.map((name) => studio.service(name)));
  const gateway = services.find(({ name }) => name === 'gateway')?.url ?? '';
  await using trails = new Trails(studio.nats.url);
  await using restarts = new Restarts(studio.simulators);
  const began = performance.now();
  const accepted: string[] = [];
  for (let n = 0; n < jobs; n += 1) {
    const fault = n % JOBS_PER_FAULT === 0 ? faults[n / JOBS_PER_FAULT] : undefined;
    if (fault !== undefined) await restarts.strike(fault);
    if (n % 20 === 0) context.step(`${n} of ${jobs} jobs, ${trails.ended} ended`);
    await trails.whenEnded(accepted.length - OPEN + 1, END_LIMIT_MS);
    accepted.push(await requestJob(gateway, { seed: n, steps: 6, limits: { maxAttempts: 8 } }));
  }
  if (faults.length > 0) await restarts.cure();
  context.step(`waiting for the last of ${jobs} jobs`);
  await trails.whenEnded(jobs, END_LIMIT_MS);
  const perSecond = (jobs / (performance.now() - began)) * 1_000;
  const { runs, struck } = await countersOf(studio.simulators);
  const judged = accepted.map((jobId) => ({ jobId, trail: trails.of(jobId), ...judgeTrail(trails.of(jobId), runs) }));
  const those = (which: (each: (typeof judged)[number]) => boolean): string[] =>
    judged.filter(which).map(({ jobId }) => jobId);
  return {
    hung: those(({ hung }) => hung),
    lost: those(({ lost }) => lost),
    twice: those(({ twice }) => twice),
    unlawful: judged.flatMap(({ jobId, unlawfulRuns: [first] }) => (first === undefined ? [] : [`${jobId}: ${first}`])),
    unexplained: judged.flatMap(({ jobId, unexplained: [first] }) =>
      first === undefined ? [] : [`${jobId}: ${first}`],
    ),
    failed: those(({ trail }) => trail.some(({ type }) => type === 'job.failed')).length,
    attempts: judged.flatMap(({ trail }) => trail.filter(({ type }) => type === 'job.assigned')).length,
    perSecond,
    struck,
  };
}

/** Strikes servers, and starts those again that need it. */
class Restarts implements AsyncDisposable {
  readonly #servers: readonly string[];
  readonly #pending = new Set<Promise<void>>();
  readonly #over = new AbortController();

  constructor(servers: readonly string[]) {
    this.#servers = servers;
  }

  async strike({ server, faults, restartAfterMs }: PlannedFault): Promise<void> {
    const url = this.#servers[server] ?? '';
    // What the one before left is over: at most one fault at a time is on a server.
    await post(`${url}/simulator/faults`, { ...NONE, ...faults });
    if (restartAfterMs === undefined) return;
    const restart = delay(restartAfterMs, undefined, { signal: this.#over.signal })
      .then(() => post(`${url}/simulator/restart`, { down_ms: 500 }))
      .catch(() => undefined)
      .finally(() => this.#pending.delete(restart));
    this.#pending.add(restart);
  }

  /** From now on the servers are well. */
  async cure(): Promise<void> {
    await Promise.all(this.#pending);
    for (const url of this.#servers) await post(`${url}/simulator/faults`, NONE);
    for (const url of this.#servers) await post(`${url}/simulator/restart`, { down_ms: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#pending);
  }
}

const NONE = {
  cutPromptAnswers: 0,
  tornFiles: null,
  lostEvents: null,
  latencySpikes: null,
  stalledReader: false,
  historyDelayMs: 0,
  nanInHistory: false,
  statusLie: false,
  withoutJobs: false,
  withoutJobCancel: false,
  refuseNewPrompts500: false,
} as const;

/** A server that refuses connections just now is asked again. */
async function post(url: string, body: object): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
      return;
    } catch (error) {
      if (tries === 40) throw error;
      await delay(250);
    }
  }
}

async function countersOf(servers: readonly string[]): Promise<{ runs: Map<string, number>; struck: string }> {
  const runs = new Map<string, number>();
  const struck = new Map<string, number>();
  for (const url of servers) {
    const counters = (await (await fetch(`${url}/simulator/counters`)).json()) as {
      readonly promptsExecuted: Readonly<Record<string, number>>;
      readonly faultsStruck: Readonly<Record<string, number>>;
    };
    for (const [id, count] of Object.entries(counters.promptsExecuted)) runs.set(id, (runs.get(id) ?? 0) + count);
    for (const [kind, count] of Object.entries(counters.faultsStruck))
      struck.set(kind, (struck.get(kind) ?? 0) + count);
  }
  return { runs, struck: [...struck].map(([kind, count]) => `${kind} ${count}`).join(', ') };
}
