import type { Job } from '@anime/contracts/http';
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
  waiting: null,
  attempts: [],
  files: [],
  scores: [],
};

const ATTEMPT: Job['attempts'][number] = {
  attempt: 1,
  status: 'assigned',
  executorId: EXECUTOR,
  promptId: null,
  variant: null,
  vramGb: null,
  freeMemory: null,
  environment: null,
  cached: null,
  cachedNodes: null,
  graphHash: null,
  models: null,
  vramPeakBytes: null,
  executionMs: null,
  failure: null,
  decline: null,
  organiseFailure: null,
  organisedAt: null,
  gate: null,
  assignedAt: null,
  startedAt: null,
  endedAt: null,
};

describe('a job as text', () => {
  it('leaves out what there is none of', () => {
    expect(describeJob(JOB)).not.toMatch(/Attempts|Files|Scores|failure/);
  });

  it('tells why an attempt failed, and never shows a figure for a metric that could not be measured', () => {
    const attempt = {
      ...ATTEMPT,
      status: 'failed' as const,
      failure: { class: 'oom' as const, reason: 'out-of-memory', message: 'no VRAM', evidence: {} },
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
      ...ATTEMPT,
      status: 'executed' as const,
      cached: false,
      executionMs: 1,
      organiseFailure: { code: 'storage-failed', message: 'disk full' },
    };
    const lost = describeJob({ ...JOB, status: 'failed', attempts: [attempt] });
    expect(lost).toContain('not filed: storage-failed, disk full');
    expect(lost).toContain(`npm run anime -- dead-letters list --job ${JOB.id}`);
    const filed = describeJob({ ...JOB, status: 'failed', attempts: [{ ...attempt, organisedAt: JOB.requestedAt }] });
    expect(filed).toContain(`filed by a replay at ${JOB.requestedAt}`);
    expect(filed).not.toContain('dead-letters list');
  });

  it('tells what a job waits for that no executor takes, and how a failed one is tried again', () => {
    const decline = { reason: 'no-memory' as const, message: 'others hold what it needs', evidence: {} };
    const waiting = {
      notBefore: JOB.requestedAt,
      last: { attempt: 1, class: 'declined' as const, reason: decline.reason, message: decline.message },
      next: { variant: 'low-memory' as const, vramGb: 3, freeMemory: true, avoid: [EXECUTOR] },
      memoryHeld: [],
    };
    const text = describeJob({
      ...JOB,
      status: 'queued',
      waiting,
      attempts: [{ ...ATTEMPT, status: 'declined', decline }],
    });
    expect(text).toContain(
      `waits     for an executor, from ${JOB.requestedAt} on, 3 GB (low-memory), as attempt 1 ended: declined, others hold what it needs`,
    );
    expect(text).toContain(`1  declined on executor ${EXECUTOR}: no-memory, others hold what it needs`);
    expect(text).not.toContain('jobs retry');
    const said = {
      executorId: EXECUTOR,
      neededBytes: 3e9,
      freeBytes: null,
      message: 'others hold',
      at: JOB.requestedAt,
    };
    const untried = { ...waiting, notBefore: null, last: null, next: null, memoryHeld: [said] };
    expect(describeJob({ ...JOB, status: 'queued', waiting: untried })).toContain(
      `waits     for an executor; executor ${EXECUTOR} has said of such a job: others hold`,
    );
    expect(describeJob({ ...JOB, status: 'failed' })).toContain(`npm run anime -- jobs retry ${JOB.id}`);
  });
});
