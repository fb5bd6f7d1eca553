import {
  JobAcceptedV3,
  JobAssignedV2,
  JobRequestedV1,
  JobCancelRequestedV2,
  WorkflowRegisteredV2,
} from '@anime/contracts';
import { uuidv7 } from '@anime/event-store';
import { describe, expect, it } from '@jest/globals';
import { OpenWork, type OpenWorkSnapshot } from '../domain/open-work/open-work.js';
import { SAMPLE_WORKFLOW } from '../testing/sample-template.js';
import { SCHEDULER, Studio, studio, WORKFLOW } from '../testing/studio.js';

describe('the orchestrator', () => {
  it('takes a job from requested to completed, each decision under its term', async () => {
    const s = await studio();
    const jobId = await s.request();
    await s.settle();
    await s.run(jobId);
    await s.settle();
    expect(await s.trail(jobId)).toEqual([
      'requested',
      'accepted',
      'assigned',
      'executed',
      'scored',
      'organised',
      'gated',
      'completed',
    ]);
    const decisions = (await s.events(jobId)).filter((event) => event.producer === 'orchestrator');
    expect(decisions.map((event) => event.epoch)).toEqual([1, 1, 1, 1]);
    expect(s.errors).toEqual([]);
    expect(s.process.work.toSnapshot().jobs).toEqual([]);
  });

  it('accepts what an older build asked for, in whatever project, which has no slug then', async () => {
    const s = await studio();
    const jobId = uuidv7();
    const project = uuidv7();
    const template = { id: 'text-to-image', version: 1 };
    const asked = { type: 'image', template, parameters: { prompt: 'x' }, seed: 1, seedSource: 'given' } as const;
    await s.append(JobRequestedV1, jobId, { ...asked, project });
    await s.settle();
    const accepted = (await s.events(jobId)).find((event) => event.type === JobAcceptedV3.type);
    expect(accepted).toMatchObject({ storedName: JobAcceptedV3.name, data: { project: { id: project, slug: null } } });
  });

  it('names the event that led to each decision, and one correlation for the whole job', async () => {
    const s = await studio();
    const jobId = await s.request();
    await s.settle();
    const [requested, accepted, assigned] = await s.events(jobId);
    expect(accepted?.causationId).toBe(requested?.id);
    expect(assigned?.causationId).toBe(accepted?.id);
    expect(new Set([requested, accepted, assigned].map((event) => event?.correlationId)).size).toBe(1);
  });

  it('assigns in the order of requests and keeps the rest queued', async () => {
    const s = await studio();
    const jobs = [await s.request(), await s.request(), await s.request(), await s.request()];
    await s.settle();
    const assigned = (await s.events())
      .filter((event) => event.type === JobAssignedV2.type)
      .map((event) => event.aggregateId);
    expect(assigned).toEqual(jobs.slice(0, 2));
    await s.run(jobs[0] ?? '');
    await s.settle();
    expect(await s.trail(jobs[2] ?? '')).toContain('assigned');
    expect(await s.trail(jobs[3] ?? '')).toEqual(['requested', 'accepted']);
  });

  it('queues jobs while no executor is registered', async () => {
    const s = new Studio();
    await s.append(WorkflowRegisteredV2, WORKFLOW, SAMPLE_WORKFLOW);
    const jobId = await s.request();
    await s.settle();
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted']);
  });

  it('rejects a job whose template nobody registered, or whose parameters are incomplete', async () => {
    const s = await studio();
    const jobId = await s.request({});
    await s.settle();
    expect(await s.trail(jobId)).toEqual(['requested', 'rejected']);
  });

  it('retries a transient failure when its time has come, not before', async () => {
    const s = await studio();
    const jobId = await s.request();
    await s.settle();
    await s.failAttempt(jobId, 'transient');
    await s.settle();
    expect(await s.trail(jobId)).toEqual(['requested', 'accepted', 'assigned', 'attempt-failed', 'retry-scheduled']);
    s.now = new Date(s.now.getTime() + 500);
    await s.process.decide();
    await s.settle();
    expect((await s.assignment(jobId)).attempt).toBe(2);
  });

  it('decides nothing more, also not by time, once it may read no further', async () => {
    const s = await studio();
    const jobId = await s.request();
    await s.settle();
    await s.failAttempt(jobId, 'transient');
    await s.settle();
    s.process.rest();
    s.now = new Date(s.now.getTime() + 500);
    await s.process.decide();
    expect((await s.trail(jobId)).at(-1)).toBe('retry-scheduled');
  });

  it('orders a cancel once and ends the job when the executor has answered', async () => {
    const s = await studio();
    const jobId = await s.request();
    await s.settle();
    await s.append(JobCancelRequestedV2, jobId, { reason: null });
    await s.settle();
    await s.process.decide();
    expect((await s.trail(jobId)).slice(-2)).toEqual(['cancel-requested', 'cancel-ordered']);
    await s.failAttempt(jobId, 'cancelled');
    await s.settle();
    expect((await s.trail(jobId)).slice(-2)).toEqual(['attempt-failed', 'cancelled']);
  });

  it('counts garbage on a job’s subjects when it expects a position', async () => {
    const s = await studio();
    const jobId = await s.request();
    await s.log.putRaw({ subject: `anime.job.${jobId}.orchestrator`, data: 'garbage' });
    await s.settle();
    expect(await s.trail(jobId)).toContain('assigned');
  });

  it('goes on from a snapshot exactly as from the whole log', async () => {
    const s = await studio();
    const jobId = await s.request();
    await s.settle();
    const stored = JSON.parse(JSON.stringify(s.process.work.toSnapshot())) as OpenWorkSnapshot;
    const successor = s.orchestrator();
    successor.restore(OpenWork.fromSnapshot(SCHEDULER, stored), s.process.checkpoint);
    await s.run(jobId);
    await s.settle(successor);
    expect((await s.trail(jobId)).at(-1)).toBe('completed');
  });
});

describe('two orchestrators', () => {
  it('hand over between terms: an assignment of the first stays valid, the deposed one decides nothing more', async () => {
    const s = await studio();
    let lease = 'first';
    const first = s.orchestrator(uuidv7(), () => lease === 'first');
    const second = s.orchestrator(uuidv7(), () => lease === 'second');
    const jobId = await s.request();
    await s.settle(first);
    lease = 'second';
    await s.settle(second);
    const late = await s.request();
    await s.run(jobId);
    await s.settle(second);
    await s.settle(first);
    expect((await s.trail(jobId)).filter((type) => type === 'assigned')).toHaveLength(1);
    expect((await s.trail(jobId)).filter((type) => type === 'completed')).toHaveLength(1);
    expect((await s.trail(late)).filter((type) => type === 'accepted')).toHaveLength(1);
  });

  it('never decide the same thing twice, however often the lease changes hands in mid-work', async () => {
    const s = await studio();
    const leaders = [uuidv7(), uuidv7()];
    let round = 0;
    // The lease goes to and fro every 12 rounds; in the first two of each turn both believe that they hold it.
    const mayLead = (index: number) => Math.floor(round / 12) % 2 === index || round % 12 < 2;
    const processes = leaders.map((leader, index) => s.orchestrator(leader, () => mayLead(index)));
    const jobs = await Promise.all(Array.from({ length: 10 }, () => s.request()));
    const unfinished = async () => {
      const trails = await Promise.all(jobs.map((jobId) => s.trail(jobId)));
      return trails.some((trail) => !trail.includes('completed'));
    };
    for (; round < 300 && (await unfinished()); round += 1) {
      await Promise.all(processes.map((process) => s.step(process, 5 + (round % 7))));
      for (const jobId of jobs) {
        const trail = await s.trail(jobId);
        if (trail.includes('assigned') && !trail.includes('executed')) await s.run(jobId);
      }
    }
    for (const jobId of jobs) {
      const trail = await s.trail(jobId);
      for (const type of ['accepted', 'assigned', 'gated', 'completed']) {
        expect([type, trail.filter((each) => each === type).length]).toEqual([type, 1]);
      }
    }
    expect((await s.events()).filter((event) => event.type === 'scheduler.term-started').length).toBeGreaterThan(2);
  });
});
