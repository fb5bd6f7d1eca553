import { JobStartedV2, SERVICES } from '@anime/contracts';
import { atMost } from '../figure.js';
import type { BenchContext, BenchRow, Measured } from '../row.js';
import { faultPlan, type PlannedFault } from '../soak/fault-plan.js';
import { countersOf, FaultStriker } from '../soak/fault-striker.js';
import { requestJob } from '../soak/request-job.js';
import { judgeTrail } from '../soak/trail-verdict.js';
import { Trails } from '../soak/trails.js';
import { BenchStudio } from '../studio.js';

const SEED = 20_261_122;
const SERVERS = 3;
/** So many jobs are open at a time. */
const OPEN = 24;
/** A fault is set whenever so many more jobs have begun: of those that are only requested, the faults set at once would replace each other. */
const JOBS_PER_FAULT = 6;
/** So long the last fault may take to meet a job; then all is cured. */
const LAST_FAULT_MS = 30_000;
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
    const planned = struck.struck.length + struck.missed.length;
    const ofJobs = `of ${jobs} jobs under ${struck.struck.length} faults that struck of ${planned} planned (seed ${SEED})`;
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
        note: `${struck.attempts} attempts for ${jobs} jobs`,
      },
      {
        what: 'faults that struck',
        unit: 'faults',
        value: struck.struck.length,
        baseline: { what: 'planned', value: planned },
        budgets: [],
        note:
          struck.missed.length === 0
            ? counted(struck.struck)
            : `${counted(struck.struck)}; met no prompt: ${counted(struck.missed)}`,
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
  /** Kinds of the faults that struck, and of those that met no prompt. */
  readonly struck: readonly string[];
  readonly missed: readonly string[];
}

async function soakOnce(context: BenchContext, jobs: number, faults: readonly PlannedFault[]): Promise<Soaked> {
  context.step(`starting a studio for ${jobs} jobs`);
  await using studio = await BenchStudio.start(context, { postgres: true, simulators: SERVERS });
  const services = await Promise.all(SERVICES.map((name) => studio.service(name)));
  const gateway = services.find(({ name }) => name === 'gateway')?.url ?? '';
  await using trails = new Trails(studio.nats.url);
  await using begun = new Trails(studio.nats.url, new Set([JobStartedV2.type]));
  await using striker = new FaultStriker(studio.simulators);
  const began = performance.now();
  const accepted: string[] = [];
  let planned = 0;
  const strikeNext = async (): Promise<void> => {
    const fault = faults[planned];
    planned += 1;
    if (fault !== undefined) await striker.strike(fault);
  };
  for (let n = 0; n < jobs; n += 1) {
    if (begun.ended >= planned * JOBS_PER_FAULT) await strikeNext();
    if (n % 20 === 0) context.step(`${n} of ${jobs} jobs, ${trails.ended} ended`);
    await trails.whenEnded(accepted.length - OPEN + 1, END_LIMIT_MS);
    accepted.push(await requestJob(gateway, { seed: n, steps: 6, limits: { maxAttempts: 8 } }));
  }
  while (planned < faults.length) {
    await begun.whenEnded(planned * JOBS_PER_FAULT, END_LIMIT_MS);
    await strikeNext();
  }
  // The last one meets those that are left; what waits for a cure is not waited for.
  await trails.whenEnded(jobs, faults.length > 0 ? LAST_FAULT_MS : 0);
  if (faults.length > 0) await striker.cure();
  context.step(`waiting for the last of ${jobs} jobs`);
  await trails.whenEnded(jobs, END_LIMIT_MS);
  const perSecond = (jobs / (performance.now() - began)) * 1_000;
  const runs = await runsOn(studio.simulators);
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
    struck: striker.struck,
    missed: striker.missed,
  };
}

/** How often each prompt was begun, on whichever server. */
async function runsOn(servers: readonly string[]): Promise<Map<string, number>> {
  const runs = new Map<string, number>();
  for (const url of servers) {
    const { promptsExecuted } = await countersOf(url);
    for (const [id, count] of Object.entries(promptsExecuted)) runs.set(id, (runs.get(id) ?? 0) + count);
  }
  return runs;
}

/** `restart 2, interrupt`, in the order in which they came. */
function counted(kinds: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => (count === 1 ? kind : `${kind} ${count}`)).join(', ');
}
