import { JobAssignedV2, JobStartedV2, SchedulerTermStartedV1 } from '@anime/contracts';
import { promptIdOf, schedulerIdOf, type RecordedEvent } from '@anime/event-store';
import { eventually } from '@anime/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

/** However long the fail-over takes, the executor is not given up meanwhile. */
const env = { ANIME_EXECUTOR_LIMIT_MS: '600000' };

describe('a fail-over in mid-assignment', () => {
  let studio: TestStudio;
  beforeEach(async () => {
    studio = await TestStudio.start({ stepDelayMs: 50, env });
  }, 120_000);
  afterEach(() => studio[Symbol.asyncDispose](), 60_000);

  async function terms(): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const entry of studio.log.readAggregate('scheduler', schedulerIdOf('studio'))) {
      if (entry.status === 'event' && entry.event.type === SchedulerTermStartedV1.type) events.push(entry.event);
    }
    return events;
  }

  /** Kills the orchestrator that leads. @returns when the standby leads: the beginning of term 2 */
  async function failOver(): Promise<RecordedEvent> {
    await studio.service('orchestrator').kill('SIGKILL');
    return eventually(async () => (await terms())[1], { what: 'the standby begins term 2', timeoutMs: 60_000 });
  }

  /** The job ended well after one run, ordered once and by the first term. */
  async function expectOneRun(jobId: string): Promise<void> {
    expect((await studio.ended(jobId)).status).toBe('completed');
    const once = ['assigned', 'started', 'executed'];
    expect((await studio.trail(jobId)).filter((type) => once.includes(type))).toEqual(once);
    expect((await studio.executions())[promptIdOf(jobId, 1)]).toBe(1);
    const epochs = (await studio.events(jobId))
      .filter((event) => event.epoch !== undefined)
      .map((event) => event.epoch);
    expect(epochs).toEqual([1, 1, 2, 2]);
  }

  it('leaves the assignment of the first term valid: a job that had started runs once', async () => {
    await studio.startService('orchestrator', env);
    const jobId = await studio.requestImage({ steps: 60 });
    const assigned = await studio.happened(jobId, JobAssignedV2);
    expect(assigned.epoch).toBe(1);
    await studio.happened(jobId, JobStartedV2);
    await failOver();
    await studio.service('comfyui-executor').kill('SIGKILL');
    await studio.service('comfyui-executor').restart();
    await expectOneRun(jobId);
  }, 120_000);

  it('leaves the assignment of the first term valid: a job that had not started yet is started once', async () => {
    await studio.startService('orchestrator', env);
    await studio.service('comfyui-executor').kill('SIGKILL');
    const jobId = await studio.requestImage();
    const assigned = await studio.happened(jobId, JobAssignedV2);
    expect(assigned.epoch).toBe(1);
    const term = await failOver();
    expect(await studio.trail(jobId)).toEqual(['requested', 'accepted', 'assigned']);
    await studio.service('comfyui-executor').restart();
    await expectOneRun(jobId);
    const started = await studio.happened(jobId, JobStartedV2);
    expect([assigned, started].map(({ position }) => position > term.position)).toEqual([false, true]);
  }, 120_000);
});
