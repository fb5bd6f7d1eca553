import { describe, expect, it } from '@jest/globals';
import { CATALOGUE, eventSubject, executorFilter, EXECUTOR_ORDERS } from './index.js';

const ID = '0199f0f0-0000-7000-8000-000000000001';
const EXECUTOR = '0199f0f0-0000-7000-8000-000000000002';

describe('the orders to an executor', () => {
  it('are all events whose subject ends with its id', () => {
    const ordering = [...CATALOGUE.newest.values()].filter(({ subjectForm }) => subjectForm === 'executor');
    expect(ordering).toEqual(EXECUTOR_ORDERS);
  });

  it('lie where its durable looks for them', () => {
    for (const contract of EXECUTOR_ORDERS) {
      const subject = eventSubject('root', contract, ID, { executorId: EXECUTOR });
      expect(subject.replace(ID, '*')).toBe(executorFilter('root', EXECUTOR));
    }
  });
});
