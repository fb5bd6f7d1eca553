import { describe, expect, it } from '@jest/globals';
import { describeJob } from './job-text.js';

const EXECUTOR = '018f0000-0000-7000-8000-000000000002';
const JOB: Parameters<typeof describeJob>[0] = {
  id: '0199f0f0-0000-7000-8000-000000000001',
  status: 'completed',
  type: 'image',
  template: { id: 'text-to-image', version: 1 },
  prompt: 'a fox',
  seed: 5,
  requestedAt: '2026-01-02T03:04:05.678Z',
  endedAt: '2026-01-02T03:05:05.678Z',
  verdict: 'passed',
  cancelRequested: false,
  failure: null,
  attempts: [],
  files: [],
  scores: [],
};

describe('a job as text', () => {
  it('leaves out what there is none of', () => {
    expect(describeJob(JOB)).not.toMatch(/Attempts|Files|Scores|failure/);
  });

  it('tells why an attempt failed, and never shows a figure for a metric that could not be measured', () => {
    const attempt = {
      attempt: 1,
      status: 'failed' as const,
      executorId: EXECUTOR,
      promptId: null,
      variant: null,
      cached: null,
      graphHash: null,
      executionMs: null,
      failure: { class: 'oom' as const, reason: 'out-of-memory', message: 'no VRAM', evidence: {} },
      organiseFailure: null,
      organisedAt: null,
      gate: null,
      assignedAt: null,
      startedAt: null,
      endedAt: null,
    };
    const text = describeJob({
      ...JOB,
      attempts: [attempt],
      scores: [
        {
          attempt: 1,
          node: '7',
          index: 0,
          scorerBuild: 'b',
          scoredAt: JOB.requestedAt,
          metrics: [
            { status: 'measured', id: 'sharpness', version: '1', value: 0.5, unit: 'ratio', method: 'm' },
            { status: 'unavailable', id: 'faces', version: '1', reason: 'no model' },
          ],
        },
      ],
    });
    expect(text).toContain(`1  failed on executor ${EXECUTOR}: oom, no VRAM`);
    expect(text).toContain('7/0  sharpness 0.5 ratio');
    expect(text).toContain('7/0  faces unavailable: no model');
  });

  it('says that outputs could not be filed and where to look, and when a replay has filed them', () => {
    const attempt = {
      attempt: 1,
      status: 'executed' as const,
      executorId: EXECUTOR,
      promptId: null,
      variant: null,
      cached: false,
      graphHash: null,
      executionMs: 1,
      failure: null,
      organiseFailure: { code: 'storage-failed', message: 'disk full' },
      organisedAt: null,
      gate: null,
      assignedAt: null,
      startedAt: null,
      endedAt: null,
    };
    const lost = describeJob({ ...JOB, status: 'failed', attempts: [attempt] });
    expect(lost).toContain('not filed: storage-failed, disk full');
    expect(lost).toContain(`npm run anime -- dead-letters list --job ${JOB.id}`);
    const filed = describeJob({ ...JOB, status: 'failed', attempts: [{ ...attempt, organisedAt: JOB.requestedAt }] });
    expect(filed).toContain(`filed by a replay at ${JOB.requestedAt}`);
    expect(filed).not.toContain('dead-letters list');
  });
});
