import { ExecutorRecoveredV1, JobAttemptFailedV2, WorkflowRegisteredV2 } from '@anime/contracts';
import { uuidv7 } from '@anime/event-store';
import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OpenWork } from '../domain/open-work/open-work.js';
import { SAMPLE_GRAPH, SAMPLE_MANIFEST, SAMPLE_WORKFLOW, SHA } from '../testing/sample-template.js';
import { EXECUTOR, SCHEDULER, Studio, WORKFLOW } from '../testing/studio.js';

const OTHER = uuidv7();
let s: Studio;
beforeEach(async () => {
  s = await studioOf([1, 3, 6]);
});

/** Its template has a version n for each, which needs so many GB, and one executor of 24 GB. */
async function studioOf(sizes: readonly number[]): Promise<Studio> {
  const made = new Studio();
  for (const [index, vramGb] of sizes.entries()) {
    const version = index + 1;
    const manifest = { ...SAMPLE_MANIFEST, version, vramGb };
    await made.append(WorkflowRegisteredV2, WORKFLOW, { ...SAMPLE_WORKFLOW, version, manifest });
  }
  await made.register(EXECUTOR, 'a', 24);
  await made.settle();
  return made;
}
const [SMALL, MIDDLE, BIG] = [1, 2, 3];
async function request(version: number, times = 1): Promise<string[]> {
  const jobs: string[] = [];
  for (let n = 0; n < times; n += 1) jobs.push(await s.request({ prompt: 'x' }, version));
  await s.settle();
  return jobs;
}
const last = async (jobId: string | undefined): Promise<string | undefined> => (await s.trail(jobId ?? '')).at(-1);
const isAssigned = async (jobId: string): Promise<boolean> => (await last(jobId)) === 'assigned';
/** Those of the jobs that an executor has. */
async function withExecutors(jobs: readonly string[]): Promise<string[]> {
  const assigned = await Promise.all(jobs.map(isAssigned));
  return jobs.filter((_, index) => assigned[index] === true);
}
/** All that wait at its door are declined. */
async function declineAll(jobs: readonly string[], freeBytes?: number): Promise<number> {
  const there = await withExecutors(jobs);
  for (const jobId of there) await s.decline(jobId, 'no-memory', freeBytes);
  await s.settle();
  return there.length;
}

describe('an executor whose memory others hold', () => {
  it('is given what needs less at once, and of eight that need as much one at a time, less and less often', async () => {
    const big = await request(BIG, 8);
    const [small = ''] = await request(SMALL);
    expect(await withExecutors([...big, small])).toHaveLength(2);
    await declineAll(big);
    expect(await isAssigned(small)).toBe(true);
    await s.begin(small);
    await s.run(small);
    await s.settle();
    const probedAt: number[] = [];
    for (let second = 5; second <= 1_500; second += 5) {
      await s.pass(5);
      const probes = await declineAll(big);
      expect(probes).toBeLessThanOrEqual(1);
      if (probes === 1) probedAt.push(second);
    }
    const pauses = probedAt.slice(1).map((at, index) => at - (probedAt[index] ?? 0));
    expect(pauses.slice(0, 4)).toEqual([60, 120, 240, 300]);
    expect(new Set(pauses.slice(4))).toEqual(new Set([300]));
  });

  it('is given what needs no more than was free', async () => {
    const [big = ''] = await request(BIG);
    await s.decline(big, 'no-memory', 3e9);
    await s.settle();
    const [middle = ''] = await request(MIDDLE);
    expect(await isAssigned(middle)).toBe(true);
    await s.decline(middle, 'no-memory', 2e9);
    await s.settle();
    const [small = ''] = await request(SMALL);
    expect(await withExecutors(await request(MIDDLE))).toEqual([]);
    expect(await isAssigned(small)).toBe(true);
  });

  it('is given all again once one that needs as much has begun', async () => {
    const big = await request(BIG, 4);
    await declineAll(big);
    await s.pass(30);
    const [probe = ''] = await withExecutors(big);
    await s.pass(5);
    expect(await withExecutors(big)).toEqual([probe]);
    await s.begin(probe);
    await s.run(probe);
    await s.settle();
    expect(await withExecutors(big)).toHaveLength(2);
  });

  it.each([
    ['it registers anew', () => s.register(EXECUTOR, 'a', 24)],
    ['it is heard again', () => s.append(ExecutorRecoveredV1, EXECUTOR, {})],
  ] as const)('is given all again when %s', async (_what, change) => {
    const big = await request(BIG, 4);
    await declineAll(big);
    await s.pass(2);
    expect(await withExecutors(big)).toEqual([]);
    await change();
    await s.settle();
    expect(await withExecutors(big)).toHaveLength(2);
  });

  it('is given all again when a job ends that ran there meanwhile, and not by one that came later', async () => {
    const [beside = ''] = await request(BIG);
    await s.begin(beside);
    const big = await request(BIG, 3);
    await declineAll(big);
    const [small = ''] = await request(SMALL);
    await s.begin(small);
    await s.run(small);
    await s.settle();
    await s.pass(2);
    expect(await withExecutors(big)).toEqual([]);
    await s.run(beside);
    await s.settle();
    expect(await withExecutors(big)).toHaveLength(2);
  });

  it('lets a job go where the memory is free again, though it was declined there and is to prefer another', async () => {
    await s.register(OTHER, 'b', 24);
    const [job = '', other = ''] = await request(BIG, 2);
    expect((await s.assignment(job)).executorId).toBe(EXECUTOR);
    expect((await s.assignment(other)).executorId).toBe(OTHER);
    await declineAll([job, other]);
    await s.append(ExecutorRecoveredV1, EXECUTOR, {});
    await s.settle();
    await s.pass(2);
    expect(await s.assignment(job)).toMatchObject({ attempt: 2, executorId: EXECUTOR });
  });

  it('is not kept from work by a probe whose executor was lost, or that was cancelled there', async () => {
    const big = await request(BIG, 2);
    await declineAll(big);
    await s.pass(30);
    const [probe = ''] = await withExecutors(big);
    const { attempt, executorId, promptId } = await s.assignment(probe);
    const ended = { class: 'transient', reason: 'r', message: 'm', evidence: {} } as const;
    await s.append(JobAttemptFailedV2, probe, { attempt, executorId, promptId, ...ended });
    await s.settle();
    expect(await withExecutors(big)).toHaveLength(1);
    await s.loseAndRecover(EXECUTOR);
    await s.pass(5);
    expect(await withExecutors(big)).toHaveLength(2);
  });

  it('is known to an orchestrator that goes on from a snapshot', async () => {
    const big = await request(BIG, 4);
    await declineAll(big);
    await s.pass(2);
    const next = s.orchestrator();
    const stored = JSON.parse(JSON.stringify(s.process.work.toSnapshot())) as ReturnType<OpenWork['toSnapshot']>;
    next.restore(OpenWork.fromSnapshot(SCHEDULER, stored), s.process.checkpoint);
    await s.settle(next);
    await next.decide();
    await s.settle(next);
    expect(await withExecutors(big)).toEqual([]);
  });
});

describe('whatever memory is held', () => {
  it('a job that fits is never passed over for ever', async () => {
    const needs = [1, 2, 3, 4, 5, 6, 7, 8];
    const jobs = fc.array(fc.integer({ min: 1, max: needs.length }), { minLength: 1, maxLength: 8 });
    const tells = fc.boolean();
    await fc.assert(
      fc.asyncProperty(
        jobs,
        fc.array(fc.nat(8), { maxLength: 6 }),
        fc.nat(8),
        tells,
        async (asked, held, free, told) => {
          s = await studioOf(needs);
          const open = new Map<string, number>();
          for (const vramGb of asked) open.set((await request(vramGb))[0] ?? '', vramGb);
          // What is free changes for a while and then stays: whatever has room then must have run after a few probes.
          for (let turn = 0; turn < held.length + 20; turn += 1) {
            const freeGb = held[turn] ?? free;
            for (const jobId of await withExecutors([...open.keys()])) {
              if ((open.get(jobId) ?? 0) > freeGb) await s.decline(jobId, 'no-memory', told ? freeGb * 1e9 : undefined);
              else {
                await s.begin(jobId);
                await s.run(jobId);
                open.delete(jobId);
              }
            }
            await s.settle();
            await s.pass(60);
          }
          expect([...open.values()].filter((vramGb) => vramGb <= free)).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('a job for whose memory nobody has room', () => {
  it.each([
    ['is run in the variant for less memory where that has room', 3e9, { variant: 'low-memory', vramGb: 2 }],
    ['waits for all that it needs where that variant has no room', 1e9, { variant: 'normal', vramGb: 6 }],
  ] as const)('%s after three declines by everybody who could take it', async (_what, freeBytes, next) => {
    const lowMemory = { graph: { inline: SAMPLE_GRAPH }, graphHash: SHA };
    const manifest = { ...SAMPLE_MANIFEST, version: 9, vramGb: 6, lowMemory: { vramGb: 2 } };
    await s.append(WorkflowRegisteredV2, WORKFLOW, { ...SAMPLE_WORKFLOW, version: 9, manifest, lowMemory });
    const [job = ''] = await request(9);
    for (let n = 0; n < 3; n += 1) {
      expect(await s.assignment(job)).toMatchObject({ attempt: n + 1, variant: 'normal', vramGb: 6 });
      await s.decline(job, 'no-memory', freeBytes);
      await s.settle();
      await s.pass(120);
    }
    expect(await s.assignment(job)).toMatchObject({ attempt: 4, ...next });
    // Its like do not have to be declined as often, each of them.
    const [like = ''] = await request(9);
    if (next.variant === 'low-memory') expect(await s.assignment(like)).toMatchObject({ attempt: 1, ...next });
    else expect(await last(like)).toBe('accepted');
  });
});
