import { describe, expect, it } from '@jest/globals';
import { ExecutorEnvironmentChangedV1, ExecutorRegisteredV1 } from '@anime/contracts';
import { executorIdOf } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { eventsOf, testEvent } from '@anime/event-store/testing';
import type { EnvironmentData } from '../domain/environment/environment.js';
import { recordEnvironment } from './record-environment.js';

const EXECUTOR = executorIdOf('studio', 'gpu');
const environment = (digit: string): EnvironmentData => ({
  environment: digit.repeat(64),
  comfyuiVersion: '0.33.0',
  pythonVersion: null,
  pytorchVersion: null,
  cudaVersion: null,
  os: null,
  arguments: [],
  devices: [],
  nodeDefinitions: { blob: 'a'.repeat(64), size: 2, classes: 0 },
  packs: [],
});
async function recorded(log: MemoryLog): Promise<string[]> {
  return (await eventsOf(log, ExecutorEnvironmentChangedV1, EXECUTOR)).map(({ data }) => data.environment.charAt(0));
}

describe('an environment', () => {
  it('is recorded when it is another one than the newest in the log, also one that was there before', async () => {
    const log = new MemoryLog();
    const record = (digit: string): Promise<boolean> => recordEnvironment(log, EXECUTOR, environment(digit));
    const answers: boolean[] = [];
    for (const digit of ['a', 'a', 'b', 'b', 'a', 'a', 'b']) answers.push(await record(digit));
    expect(answers).toEqual([true, false, true, false, true, false, true]);
    expect(await recorded(log)).toEqual(['a', 'b', 'a', 'b']);
  });

  it('is not taken for another one because the executor has registered anew in between', async () => {
    const log = new MemoryLog();
    await recordEnvironment(log, EXECUTOR, environment('a'));
    const registered = { name: 'gpu', comfyuiVersion: '0.33.0', simulator: true, devices: [] };
    await log.append(testEvent(ExecutorRegisteredV1, EXECUTOR, registered));
    expect(await recordEnvironment(log, EXECUTOR, environment('a'))).toBe(false);
  });

  it('is recorded once by processes that find it at the same time', async () => {
    const log = new MemoryLog();
    const all = Array.from({ length: 5 }, () => recordEnvironment(log, EXECUTOR, environment('a')));
    expect((await Promise.all(all)).filter(Boolean)).toHaveLength(1);
    expect(await recorded(log)).toEqual(['a']);
  });
});
