import { CATALOGUE } from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import { runningJob, storyOfJob } from './job-events.js';

const JOB = '018f0000-0000-7000-8000-000000000001';

describe('the events that are measured', () => {
  it.each([
    ['a job with two attempts', storyOfJob(JOB)],
    ['a running job', runningJob(JOB)],
  ])('of %s are what the product writes today', (_what, events) => {
    for (const { contract, data } of events) {
      expect(CATALOGUE.newest.get(contract.type)?.name).toBe(contract.name);
      expect(contract.data.parse(data)).toEqual(data);
    }
  });

  it('are twelve a job, one of them of 6 KB', () => {
    const sizes = storyOfJob(JOB).map(({ data }) => JSON.stringify(data).length);
    expect(sizes).toHaveLength(12);
    expect(sizes.filter((size) => size > 6_000)).toHaveLength(1);
  });
});
