import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ASSIGNMENTS_PER_EXECUTOR, schedule } from './schedule.js';

describe('schedule', () => {
  it('assigns first come, first served to the least loaded executor', () => {
    expect(
      schedule(
        [{ jobId: 'a' }, { jobId: 'b' }, { jobId: 'c' }, { jobId: 'd' }],
        [
          { executorId: 'x', open: 1 },
          { executorId: 'y', open: 0 },
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
        const queue = ids.map((jobId) => ({ jobId }));
        const executors = opens.map((open, index) => ({ executorId: `e${index}`, open }));
        const planned = schedule(queue, executors);
        expect(planned.map((assignment) => assignment.jobId)).toEqual(ids.slice(0, planned.length));
        const free = executors.reduce((sum, { open }) => sum + Math.max(0, ASSIGNMENTS_PER_EXECUTOR - open), 0);
        expect(planned.length).toBe(Math.min(ids.length, free));
        expect(schedule(queue, executors)).toEqual(planned);
      }),
    );
  });
});
