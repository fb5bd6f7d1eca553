import { setTimeout as delay } from 'node:timers/promises';
import { JobAssignedV2, JobAttemptFailedV2, JobAttemptLostV1, SERVICES } from '@anime/contracts';
import { promptIdOf } from '@anime/event-store';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobFeeder } from '../testing/job-feeder.js';
import { TestStudio } from '../testing/test-studio.js';

/** How often each process is killed: once here, 8 times by `npm run crash`. */
const ROUNDS = Number(process.env['ANIME_CRASH_ROUNDS'] ?? 1);
const PAUSE_MS = 3_000;
const OPEN_JOBS = 12;
/** So many stay open while new ones are asked for. */
const LEAST_OPEN = 10;
/** So many at least: in the long run 50, in the short one more than were open at once. */
const LEAST_JOBS = ROUNDS < 8 ? OPEN_JOBS + 1 : 50;
const VICTIMS = [...SERVICES, 'nats-server', 'PostgreSQL'] as const;
type Victim = (typeof VICTIMS)[number];
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

interface Kill {
  readonly victim: Victim;
  readonly openJobs: number;
}

describe('a studio whose processes are killed again and again', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start({ stepDelayMs: 60, simulators: 2, ownPostgres: true });
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  const serverOf = (victim: Victim) =>
    victim === 'nats-server' ? studio.nats : victim === 'PostgreSQL' ? studio.postgres : studio.service(victim);

  async function killAll(feeder: JobFeeder): Promise<Kill[]> {
    const kills: Kill[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const victim of VICTIMS) {
        await delay(PAUSE_MS);
        kills.push({ victim, openJobs: feeder.open });
        await serverOf(victim).kill();
        const began = performance.now();
        await serverOf(victim).restart();
        say(
          `kill ${kills.length} of ${ROUNDS * VICTIMS.length}: ${victim}, ${kills.at(-1)?.openJobs} open jobs, ` +
            `ready again after ${((performance.now() - began) / 1000).toFixed(1)} s`,
        );
      }
    }
    return kills;
  }

  /** A second run must be explained in the job's trail. @returns how many runs it had */
  async function expectExplainedRuns(jobId: string, runs: Readonly<Record<string, number>>): Promise<number> {
    const events = await studio.events(jobId);
    const attempts = events.filter(({ type }) => type === JobAssignedV2.type).length;
    const ran = Array.from({ length: attempts }, (_, i) => runs[promptIdOf(jobId, i + 1)] ?? 0);
    expect({ jobId, twice: ran.some((times) => times > 1) }).toEqual({ jobId, twice: false });
    const total = ran.reduce((sum, times) => sum + times, 0);
    const explained = events.filter(
      ({ type, data }) =>
        type === JobAttemptLostV1.type ||
        (type === JobAttemptFailedV2.type && (data as { reason?: unknown }).reason === 'vanished'),
    ).length;
    expect({ jobId, unexplained: Math.max(0, total - 1 - explained) }).toEqual({ jobId, unexplained: 0 });
    return total;
  }

  async function expectOneSet(jobId: string): Promise<void> {
    const { data: job } = await studio.client.GET('/api/anime/jobs/{id}', { params: { path: { id: jobId } } });
    if (job === undefined) throw new Error(`job ${jobId} is not shown`);
    expect({ jobId, status: job.status }).toEqual({ jobId, status: 'completed' });
    expect(job.outputs.map(({ attempt }) => attempt)).toEqual([job.attempt]);
    expect(job.files.filter(({ role }) => role === 'output')).toHaveLength(1);
    expect(new Set(job.files.map(({ path }) => path)).size).toBe(job.files.length);
    const scores = job.scores.map((score) => [score.attempt, score.node, score.index, score.scorerBuild].join('/'));
    expect(new Set(scores).size).toBe(scores.length);
  }

  it(
    `each ${ROUNDS} times, ends every job once, explains every second run, and has a read-model equal to its log`,
    async () => {
      const feeder = new JobFeeder(studio, OPEN_JOBS);
      feeder.start();
      const kills = await killAll(feeder);
      await feeder.allEnded();

      const metWork = kills.filter(({ openJobs }) => openJobs >= LEAST_OPEN).length;
      say(`${feeder.jobs.length} jobs; ${metWork} of ${kills.length} kills met ${LEAST_OPEN} or more that were open`);
      expect(metWork).toBeGreaterThanOrEqual((2 / 3) * kills.length);
      expect(feeder.jobs.length).toBeGreaterThanOrEqual(LEAST_JOBS);
      expect([...feeder.accepted].filter((jobId) => !feeder.jobs.includes(jobId))).toEqual([]);
      const last = await studio.log.end();
      await studio.client.GET('/api/anime/jobs', { params: { query: { after: last, wait: 60, limit: 1 } } });
      const runs = await studio.executions();
      let known = 0;
      for (const jobId of feeder.jobs) {
        known += await expectExplainedRuns(jobId, runs);
        await expectOneSet(jobId);
      }
      // None ran under an id that belongs to no attempt.
      expect(Object.values(runs).reduce((sum, times) => sum + times, 0)).toBe(known);
      const end = await studio.log.end();
      for (const { position } of await studio.rebuildAndCompare()) expect(position).toBe(end);
    },
    ROUNDS * 120_000 + 240_000,
  );
});
