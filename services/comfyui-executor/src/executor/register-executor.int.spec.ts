import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ComfyClient } from '@anime/comfyui-client';
import { ExecutorRegisteredV1 } from '@anime/contracts';
import { executorIdOf } from '@anime/event-store';
import { eventsOf } from '@anime/event-store/testing';
import { useNats } from '@anime/testing';
import { runnerHarness, type RunnerHarness } from '../testing/runner-harness.js';
import { registerAnew, registerExecutor } from './register-executor.js';

const nats = useNats();
let harness: RunnerHarness;
beforeAll(async () => {
  harness = await runnerHarness((await nats.server()).url);
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

describe('an executor', () => {
  it('is registered once', async () => {
    const { log, register, executorId } = await newcomer();
    expect([await register(), await register()]).toEqual([true, false]);
    expect(await eventsOf(log, ExecutorRegisteredV1, executorId)).toHaveLength(1);
  });

  it('is registered once by processes that begin at the same time', async () => {
    const { log, register, executorId } = await newcomer();
    expect((await Promise.all([register(), register(), register()])).filter(Boolean)).toHaveLength(1);
    expect(await eventsOf(log, ExecutorRegisteredV1, executorId)).toHaveLength(1);
  });

  it('is not taken for registered because of garbage, nor registered again', async () => {
    const { log, register, executorId, garbage } = await newcomer();
    await garbage();
    expect(await register()).toBe(true);
    await garbage();
    expect(await register()).toBe(false);
    expect(await eventsOf(log, ExecutorRegisteredV1, executorId)).toHaveLength(1);
  });

  it('that is registered asks nothing of its server when it comes again, also behind garbage', async () => {
    const { register, garbage, simulator } = await newcomer();
    await register();
    await simulator.close();
    expect(await register()).toBe(false);
    await garbage();
    expect(await register()).toBe(false);
  });

  it('does not count as registered when garbage came before its event; it is tried again', async () => {
    const { log, register, executorId, garbage } = await newcomer();
    const append = log.append.bind(log);
    log.append = async (event, options) => {
      await garbage();
      return append(event, options);
    };
    await expect(register()).rejects.toMatchObject({ code: 'append-conflict' });
    log.append = append;
    expect(await register()).toBe(true);
    expect(await eventsOf(log, ExecutorRegisteredV1, executorId)).toHaveLength(1);
  });
});

describe('an executor whose server was restarted after a fault', () => {
  it('registers anew once for each start of the server, with what the server says now', async () => {
    const { log, register, anew, executorId, garbage } = await newcomer();
    await register();
    expect([await anew('boot 1'), await anew('boot 1')]).toEqual([true, false]);
    await garbage();
    expect([await anew('boot 1'), await anew('boot 2')]).toEqual([false, true]);
    const events = await eventsOf(log, ExecutorRegisteredV1, executorId);
    expect(events.map(({ data }) => data)).toEqual([events[0]?.data, events[0]?.data, events[0]?.data]);
    expect(await register()).toBe(false);
  });

  it('registers anew once when processes do so at the same time', async () => {
    const { log, register, anew, executorId } = await newcomer();
    await register();
    expect((await Promise.all([anew('boot'), anew('boot'), anew('boot')])).filter(Boolean)).toHaveLength(1);
    expect(await eventsOf(log, ExecutorRegisteredV1, executorId)).toHaveLength(2);
  });
});

/** An executor that the log has never heard of, on a server of its own. */
async function newcomer() {
  const { log } = harness;
  const name = `test-${randomUUID()}`;
  const executorId = executorIdOf('studio', name);
  const simulator = await harness.simulator();
  const client = new ComfyClient({ baseUrl: simulator.url });
  return {
    log,
    simulator,
    executorId,
    register: () => registerExecutor(log, client, executorId, name),
    anew: (boot: string) => registerAnew(log, client, executorId, name, boot),
    garbage: () => harness.putGarbage(`executor.${executorId}.comfyui-executor`),
  };
}
