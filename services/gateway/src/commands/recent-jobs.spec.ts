import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RecentJobs } from './recent-jobs.js';

describe('the jobs that were stored a short while ago', () => {
  it('are counted behind any position, whatever the order in which they were acknowledged', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(50)), fc.nat(50), (positions, position) => {
        const jobs = new RecentJobs();
        for (const each of positions) jobs.add({ position: each, project: undefined, at: 0 });
        expect(jobs.behind(position)).toBe(positions.filter((each) => each > position).length);
      }),
    );
  });

  it('are forgotten by their age, and known by their project', () => {
    const jobs = new RecentJobs();
    for (const at of [1, 2, 3]) jobs.add({ position: at, project: at === 2 ? undefined : 'film', at });
    jobs.forgetUntil(1);
    expect(jobs.behind(0)).toBe(2);
    expect(jobs.ofProject('film').map(({ at }) => at)).toEqual([3]);
    jobs.forgetUntil(9);
    expect(jobs.behind(0)).toBe(0);
  });
});
