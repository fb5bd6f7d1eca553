import {
  ExecutorRegisteredV1,
  JobAssignedV1,
  JobAttemptFailedV1,
  JobCancelRequestedV1,
  JobExecutedV1,
  JobOrganisedV1,
  JobRequestedV1,
  JobScoredV1,
  WorkflowRegisteredV1,
  type EventContract,
  type EventData,
} from '@anime/contracts';
import { promptIdOf, schedulerIdOf, uuidv7, type RecordedEvent } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { describe, expect, it } from '@jest/globals';
import { OpenWork, type OpenWorkSnapshot } from '../domain/open-work/open-work.js';
import { SAMPLE_WORKFLOW, SHA } from '../testing/sample-template.js';
import { Leadership } from './leadership.js';
import { OrchestratorProcess } from './orchestrator-process.js';

const EXECUTOR = '018f0000-0000-7000-8000-00000000000e';
const WORKFLOW = '018f0000-0000-7000-8000-00000000000f';

/** A log, one orchestrator on it, and the other services played by hand. */
class Studio {
  readonly log = new MemoryLog();
  now = new Date('2026-01-01T00:00:00.000Z');
  readonly errors: unknown[] = [];
  process = this.orchestrator();

  orchestrator(leader: string = uuidv7(), mayLead: () => boolean = () => true): OrchestratorProcess {
    const leadership = new Leadership({
      log: this.log,
      schedulerId: schedulerIdOf('studio'),
      leader,
      mayLead,
      now: () => this.now,
    });
    return new OrchestratorProcess({
      log: this.log,
      leadership,
      loadGraph: (body) => Promise.resolve('inline' in body ? body.inline : {}),
      spillGraph: (inline) => Promise.resolve({ inline }),
      promptIdOf,
      now: () => this.now,
      chance: () => 0,
      onError: (_jobId, error) => this.errors.push(error),
      onTrouble: (error) => this.errors.push(error),
      scorerLimitMs: 60_000,
      maxAttempts: 3,
    });
  }

  async append<C extends EventContract>(contract: C, aggregateId: string, data: EventData<C>): Promise<void> {
    const id = uuidv7();
    const actor = `service:${contract.producer}`;
    await this.log.append({ contract, aggregateId, data, id, time: this.now.toISOString(), correlationId: id, actor });
  }

  async setUp(): Promise<void> {
    await this.append(WorkflowRegisteredV1, WORKFLOW, SAMPLE_WORKFLOW);
    await this.append(ExecutorRegisteredV1, EXECUTOR, {
      name: 'comfyui-1',
      comfyuiVersion: '1',
      simulator: true,
      devices: [],
    });
  }

  async request(parameters: Record<string, string> = { prompt: 'x' }): Promise<string> {
    const jobId = uuidv7();
    await this.append(JobRequestedV1, jobId, {
      type: 'image',
      template: { id: 'text-to-image', version: 1 },
      parameters,
      seed: 1,
      seedSource: 'given',
      project: null,
    });
    return jobId;
  }

  /** Feeds a process one batch of what lies behind its checkpoint. */
  async step(process: OrchestratorProcess, batchSize: number): Promise<void> {
    const entries = [];
    for await (const entry of this.log.read({ after: process.checkpoint.position })) {
      if (entries.length < batchSize) entries.push(entry);
    }
    const position = entries.at(-1)?.position ?? process.checkpoint.position;
    const end = await this.log.end();
    await process.onBatch({ entries, checkpoint: { position, eventId: '' }, caughtUp: position === end, end });
  }

  /** Feeds a process until it has read everything and has nothing more to say. */
  async settle(process: OrchestratorProcess = this.process): Promise<void> {
    for (let steps = 0; ; steps += 1) {
      if (steps > 1_000) throw new Error('the orchestrator does not come to rest');
      const end = await this.log.end();
      await this.step(process, 3);
      if (process.checkpoint.position === end && (await this.log.end()) === end) return;
    }
  }

  async events(jobId?: string): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const entry of this.log.read({ after: 0 })) {
      if (entry.status === 'event' && (jobId === undefined || entry.event.aggregateId === jobId))
        events.push(entry.event);
    }
    return events;
  }

  async trail(jobId: string): Promise<string[]> {
    return (await this.events(jobId)).map((event) => event.type.replace('job.', ''));
  }

  async assignment(jobId: string): Promise<EventData<typeof JobAssignedV1>> {
    const assigned = (await this.events(jobId)).filter((event) => event.type === JobAssignedV1.type).at(-1);
    return assigned?.data as EventData<typeof JobAssignedV1>;
  }

  /** What executor, scorer and organizer append for the newest assignment. */
  async run(jobId: string): Promise<void> {
    const { attempt, executorId, promptId } = await this.assignment(jobId);
    const output = {
      node: '7',
      index: 0,
      kind: 'image',
      role: 'final',
      blob: SHA,
      size: 1,
      mediaType: 'image/png',
      filename: 'f',
    } as const;
    await this.append(JobExecutedV1, jobId, {
      attempt,
      executorId,
      promptId,
      variant: 'normal',
      graphHash: SHA,
      cached: false,
      outputs: [output],
      executionMs: null,
    });
    const metrics = [{ status: 'unavailable' as const, id: 'sharpness', version: '1', reason: 'test' }];
    await this.append(JobScoredV1, jobId, {
      attempt,
      scorerBuild: 'b',
      outputs: [{ node: '7', index: 0, blob: SHA, metrics }],
    });
    const file = {
      role: 'output',
      path: 'x.png',
      sha256: SHA,
      size: 1,
      mediaType: 'image/png',
      node: '7',
      index: 0,
    } as const;
    await this.append(JobOrganisedV1, jobId, { attempt, files: [file] });
  }

  async failAttempt(jobId: string, failureClass: 'transient' | 'cancelled'): Promise<void> {
    const { attempt, executorId, promptId } = await this.assignment(jobId);
    const evidence = {};
    await this.append(JobAttemptFailedV1, jobId, {
      attempt,
      executorId,
      promptId,
      class: failureClass,
      reason: 'vanished',
      message: 'm',
      evidence,
    });
  }
}

async function studio(): Promise<Studio> {
  const made = new Studio();
  await made.setUp();
  return made;
}

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
      .filter((event) => event.type === JobAssignedV1.type)
      .map((event) => event.aggregateId);
    expect(assigned).toEqual(jobs.slice(0, 2));
    await s.run(jobs[0] ?? '');
    await s.settle();
    expect(await s.trail(jobs[2] ?? '')).toContain('assigned');
    expect(await s.trail(jobs[3] ?? '')).toEqual(['requested', 'accepted']);
  });

  it('queues jobs while no executor is registered', async () => {
    const s = new Studio();
    await s.append(WorkflowRegisteredV1, WORKFLOW, SAMPLE_WORKFLOW);
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

  it('orders a cancel once and ends the job when the executor has answered', async () => {
    const s = await studio();
    const jobId = await s.request();
    await s.settle();
    await s.append(JobCancelRequestedV1, jobId, {});
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
    successor.restore(OpenWork.fromSnapshot(stored), s.process.checkpoint);
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
