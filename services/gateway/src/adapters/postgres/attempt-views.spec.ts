import { describe, expect, it } from '@jest/globals';
import { unknownAttempt } from '../../projections/jobs/attempt-state.js';
import { JOBS } from '../../projections/jobs/tables.js';
import { RowMap } from '../../projections/jobs/testing/row-map.js';
import { EXECUTOR, jobEvents } from '../../projections/jobs/testing/sample-events.js';
import { sampleJobId } from '../../projections/jobs/testing/sample-log.js';
import { jobWaiting } from './attempt-views.js';

const GB = 1e9;
const id = sampleJobId(1);
const { requested, accepted } = jobEvents(id);
const JOB = new RowMap().apply(requested).apply(accepted).row(JOBS, { id });
/** Another job of 6 GB was handed back. */
const declined = (freeBytes?: number) => ({
  ...unknownAttempt(sampleJobId(2), 1),
  executor_id: EXECUTOR,
  vram_gb: 6,
  declined_at: '2026-01-01T00:00:00.000Z',
  decline_message: 'm',
  decline_evidence: freeBytes === undefined ? {} : { memory: { freeBytes } },
});
const heldOf = (vramGb: number, freeBytes?: number) =>
  jobWaiting(JOB, { attempts: [], accepted: { vramGb }, declines: [declined(freeBytes)] })?.memoryHeld;

describe('why a job waits that was never tried', () => {
  it('names an executor that handed back another that needs no more', () => {
    const held = { executorId: EXECUTOR, neededBytes: 6 * GB, message: 'm', at: '2026-01-01T00:00:00.000Z' };
    expect(heldOf(6)).toEqual([{ ...held, freeBytes: null }]);
    expect(heldOf(4, 3 * GB)).toEqual([{ ...held, freeBytes: 3 * GB }]);
  });

  it('does not name one that has room for it', () => {
    expect(heldOf(5)).toEqual([]);
    expect(heldOf(3, 3 * GB)).toEqual([]);
  });
});
