import { describe, expect, it } from '@jest/globals';
import { runStart, type RunStartEvidence } from './run-start.js';

const KNOWN: RunStartEvidence = { startTime: null, createTime: 1_000, number: 7, ends: [400, 900] };

describe('a running prompt began', () => {
  it.each<[string, Partial<RunStartEvidence>, number | null]>([
    ['when the server says', { startTime: 1_500 }, 1_500],
    ['when it was queued, where all others had ended before', {}, 1_000],
    ['when the last one before it ended, where it had to wait', { ends: [400, 3_000, 900] }, 3_000],
    ['when it was queued, as the first of all', { number: 0, ends: [] }, 1_000],
    ['nobody knows when, where the history was cleared', { ends: [] }, null],
    ['nobody knows when, where the server has no times', { createTime: null }, null],
  ])('%s', (_, evidence, expected) => {
    expect(runStart({ ...KNOWN, ...evidence })).toBe(expected);
  });
});
