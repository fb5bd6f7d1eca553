import { ExecutorLostV1, ExecutorRecoveredV1, JobAssignedV2, type EventContract } from '@anime/contracts';
import { executorIdOf } from '@anime/event-store';
import { eventually } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

const LIMIT_MS = 10_000;

describe('an executor that nobody serves any more', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start({
      env: { ANIME_EXECUTOR_LIMIT_MS: String(LIMIT_MS) },
      executors: ['old', 'new'],
      services: ['gateway', 'orchestrator', 'quality-scorer', 'file-organizer', 'progress-relay'],
    });
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  const named = (name: string) =>
    studio.startService('comfyui-executor', { COMFYUI_URLS: `${name}=${studio.simulator.url}` });
  async function executorEvent(contract: EventContract, name: string): Promise<void> {
    await eventually(
      async () => {
        for await (const entry of studio.log.readAggregate('executor', executorIdOf('studio', name)))
          if (entry.status === 'event' && entry.event.type === contract.type) return true;
        return undefined;
      },
      { what: `${contract.type} of ${name}`, timeoutMs: 30_000 },
    );
  }

  it('loses its jobs to another; one that waits there is cancelled when it is asked to; it works again when it is back', async () => {
    const old = await named('old');
    expect((await studio.ended(await studio.requestImage())).status).toBe('completed');
    await old.kill('SIGKILL');

    const given = await studio.requestImage();
    const unwanted = await studio.requestImage();
    for (const jobId of [given, unwanted]) await studio.happened(jobId, JobAssignedV2);
    await studio.client.POST('/api/anime/jobs/{id}/cancel', { params: { path: { id: unwanted } } });
    await executorEvent(ExecutorLostV1, 'old');
    expect((await studio.ended(unwanted)).status).toBe('cancelled');
    const shown = await eventually(
      async () => {
        const { data: system } = await studio.client.GET('/api/anime/system');
        return system?.executors.find(({ reachable }) => !reachable);
      },
      { what: 'the system says that it is away' },
    );
    expect(shown).toMatchObject({ name: 'old', reason: expect.stringMatching(/^lost since /) });

    await named('new');
    const job = await studio.ended(given);
    expect(job).toMatchObject({
      status: 'completed',
      attempts: [{ status: 'lost' }, { status: 'executed', executorId: executorIdOf('studio', 'new') }],
    });

    const back = await named('old');
    await executorEvent(ExecutorRecoveredV1, 'old');
    expect((await studio.ended(await studio.requestImage())).status).toBe('completed');
    expect(await studio.trail(given)).toEqual([
      'requested',
      'accepted',
      'assigned',
      'attempt-lost',
      'retry-scheduled',
      'assigned',
      'started',
      'executed',
      ...['scored', 'organised', 'gated', 'completed'].map(() => expect.any(String)),
    ]);
    await back.stop();
  }, 120_000);
});
