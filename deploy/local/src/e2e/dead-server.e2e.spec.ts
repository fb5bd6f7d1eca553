import { ExecutorLostV1, ExecutorRecoveredV1, JobStartedV2, type EventContract } from '@anime/contracts';
import { executorIdOf, isEvent } from '@anime/event-store';
import { unwrap } from '@anime/gateway-client';
import { eventually } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

const NAMES = ['comfyui-1', 'comfyui-2'];

describe('an executor that lives while its ComfyUI is dead', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start({
      simulators: 2,
      stepDelayMs: 100,
      env: { ANIME_SERVER_LIMIT_MS: '5000' },
    });
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  const said = async (contract: EventContract, executorId: string): Promise<void> => {
    await eventually(
      async () => {
        for await (const entry of studio.log.readAggregate('executor', executorId))
          if (entry.status === 'event' && entry.event.type === contract.type) return true;
        return undefined;
      },
      { what: `${contract.type} of ${executorId}`, timeoutMs: 60_000 },
    );
  };
  const stateOf = async (executorId: string) =>
    (await unwrap(studio.client.GET('/api/anime/executors'))).executors.find(({ id }) => id === executorId)?.state;

  it('is lost after a while, and all its jobs are completed elsewhere; it works again when its ComfyUI is back', async () => {
    await eventually(
      async () => (await unwrap(studio.client.GET('/api/anime/executors'))).executors.length === NAMES.length,
      { what: 'both are registered' },
    );
    const jobs = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        studio.requestImage({ prompt: 'a lighthouse', width: 64, height: 64, steps: 30, seed: n + 1 }),
      ),
    );
    const dead = executorIdOf('studio', NAMES[0] ?? '');
    await eventually(
      async () =>
        (await Promise.all(jobs.map((jobId) => studio.events(jobId))))
          .flat()
          .some((event) => isEvent(event, JobStartedV2) && event.data.executorId === dead),
      { what: 'it runs one of them', intervalMs: 20 },
    );
    await studio.simulator.kill('SIGKILL');
    await said(ExecutorLostV1, dead);
    await eventually(async () => (await stateOf(dead)) === 'lost', { what: 'it is shown as lost' });
    const ends = await Promise.all(jobs.map((jobId) => studio.ended(jobId, 120_000)));
    expect(ends.map(({ status }) => status)).toEqual(jobs.map(() => 'completed'));
    const executed = ends.flatMap(({ attempts }) => attempts.filter(({ status }) => status === 'executed'));
    expect(ends.flatMap(({ attempts }) => attempts).some(({ status }) => status === 'lost')).toBe(true);
    expect(new Set(executed.map(({ executorId }) => executorId))).toEqual(
      new Set([executorIdOf('studio', NAMES[1] ?? '')]),
    );

    await studio.simulator.restart();
    await said(ExecutorRecoveredV1, dead);
    await eventually(async () => (await stateOf(dead)) === 'ready', { what: 'it is shown as ready' });
  }, 240_000);
});
