import { JobAssignedV1, JobStartedV1, SchedulerTermStartedV1 } from '@anime/contracts';
import { promptIdOf, schedulerIdOf, type RecordedEvent } from '@anime/event-store';
import { eventually } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

describe('a fail-over in mid-assignment', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start({ stepDelayMs: 50 });
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  async function terms(): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const entry of studio.log.readAggregate('scheduler', schedulerIdOf('studio'))) {
      if (entry.status === 'event' && entry.event.type === SchedulerTermStartedV1.type) events.push(entry.event);
    }
    return events;
  }

  it('leaves the assignment of the first term valid: the job runs once', async () => {
    const standby = await studio.startService('orchestrator');
    const jobId = await studio.requestImage({ steps: 60 });
    const assigned = await studio.happened(jobId, JobAssignedV1);
    expect(assigned.epoch).toBe(1);
    await studio.happened(jobId, JobStartedV1);
    await studio.service('orchestrator').kill('SIGKILL');
    await eventually(async () => (await terms()).length === 2, {
      what: 'the standby begins term 2',
    });
    await studio.service('comfyui-executor').kill('SIGKILL');
    await studio.service('comfyui-executor').restart();
    const job = await studio.ended(jobId);
    expect(job.status).toBe('completed');
    expect((await studio.trail(jobId)).filter((type) => type === 'started' || type === 'executed')).toEqual([
      'started',
      'executed',
    ]);
    expect((await studio.executions())[promptIdOf(jobId, 1)]).toBe(1);
    const epochs = (await studio.events(jobId))
      .filter((event) => event.epoch !== undefined)
      .map((event) => event.epoch);
    expect(epochs).toEqual([1, 1, 2, 2]);
    await standby.stop();
  }, 120_000);
});
