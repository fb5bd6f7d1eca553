import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ASSIGNMENTS_PER_EXECUTOR, schedule, type ExecutorLoad, type QueuedJob } from './schedule.js';

const queued = (jobId: string, changes: Partial<QueuedJob> = {}): QueuedJob => ({
  jobId,
  vramBytes: 4e9,
  freeBytes: 4e9,
  refusedBy: new Set(),
  avoid: [],
  ...changes,
});

describe('schedule', () => {
  it('assigns first come, first served to the least loaded executor', () => {
    expect(
      schedule(
        ['a', 'b', 'c', 'd'].map((jobId) => queued(jobId)),
        [
          { executorId: 'x', open: 1, vramBytes: null, shortage: null },
          { executorId: 'y', open: 0, vramBytes: null, shortage: null },
        ],
      ),
    ).toEqual([
      { jobId: 'a', executorId: 'y' },
      { jobId: 'b', executorId: 'x' },
      { jobId: 'c', executorId: 'y' },
    ]);
  });

  it('never overloads an executor, never skips a job, and is deterministic', () => {
    const queues = fc.array(fc.uuid(), { maxLength: 20 });
    const loads = fc.array(fc.nat(3), { maxLength: 5 });
    fc.assert(
      fc.property(queues, loads, (ids, opens) => {
        const queue = ids.map((jobId) => queued(jobId));
        const executors = opens.map((open, index) => ({
          executorId: `e${index}`,
          open,
          vramBytes: null,
          shortage: null,
        }));
        const planned = schedule(queue, executors);
        expect(planned.map((assignment) => assignment.jobId)).toEqual(ids.slice(0, planned.length));
        const free = executors.reduce((sum, { open }) => sum + Math.max(0, ASSIGNMENTS_PER_EXECUTOR - open), 0);
        expect(planned.length).toBe(Math.min(ids.length, free));
        expect(schedule(queue, executors)).toEqual(planned);
      }),
    );
  });

  const executor = (executorId: string, vramGb: number | null = 8, open = 0) => ({
    executorId,
    open,
    vramBytes: vramGb === null ? null : vramGb * 1e9,
    shortage: null,
  });
  const assigned = (...planned: readonly { readonly executorId: string }[]) => planned.map((each) => each.executorId);

  it('gives a job only to executors with the memory for it, or that did not tell theirs, and passes it over meanwhile', () => {
    const [small, large] = [executor('small'), executor('large', 24, ASSIGNMENTS_PER_EXECUTOR)];
    const big = queued('big', { vramBytes: 12e9 });
    expect(schedule([big, queued('next')], [small, large])).toEqual([{ jobId: 'next', executorId: 'small' }]);
    expect(assigned(...schedule([big], [small, executor('silent', null)]))).toEqual(['silent']);
  });

  it('never gives a job to an executor that cannot run it, and to one to avoid only when there is no other', () => {
    const both = [executor('a'), executor('b')];
    expect(assigned(...schedule([queued('j', { avoid: ['a'] })], both))).toEqual(['b']);
    expect(assigned(...schedule([queued('j', { avoid: ['a', 'b'] })], both))).toEqual(['a']);
    expect(schedule([queued('j', { refusedBy: new Set(['a', 'b']) })], both)).toEqual([]);
    const busy = [executor('a'), executor('b', 8, ASSIGNMENTS_PER_EXECUTOR)];
    expect(schedule([queued('j', { avoid: ['a'] })], busy)).toEqual([]);
  });

  it('assigns no more of a project than may run, and goes on with others', () => {
    const queue = [queued('1', { project: 'film' }), queued('2', { project: 'film' }), queued('3')];
    const planned = schedule(queue, [executor('a'), executor('b')], new Map([['film', 1]]));
    expect(planned.map(({ jobId }) => jobId)).toEqual(['1', '3']);
  });

  it('passes those over for which others hold the memory, and lets the one that needs least see whether they still do', () => {
    const short = (mayProbe: boolean) => ({ ...executor('a'), shortage: { bytes: 2e9, mayProbe } });
    const queue = [4e9, 3e9, 2e9, 2e9, 1e9].map((freeBytes, index) => queued(`j${index}`, { freeBytes }));
    const jobs = (load: ExecutorLoad, only = queue) => schedule(only, [load]).map(({ jobId }) => jobId);
    expect(jobs(short(false))).toEqual(['j4']);
    expect(jobs(short(true))).toEqual(['j2', 'j4']);
    expect(jobs(short(true), queue.slice(0, 2))).toEqual(['j1']);
    expect(schedule([queued('j', { avoid: ['a'] })], [executor('a'), { ...short(false), executorId: 'b' }])).toEqual([
      { jobId: 'j', executorId: 'a' },
    ]);
  });
});
