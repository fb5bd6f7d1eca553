import type { ExecutorHeartbeat, ServiceStatus } from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import { HEARD_FOR_MS, LiveStatus } from './live-status.js';

const AT = '2026-01-01T00:00:00.000Z';
const id = (n: number) => `018f0000-0000-7000-8000-${String(n).padStart(12, '0')}`;
const service = (n: number, name: ServiceStatus['service']): ServiceStatus => ({
  service: name,
  instance: id(n),
  version: '1',
  startedAt: AT,
  ready: true,
  checks: [],
  consumers: [],
  at: AT,
});
const executor = (n: number, name: string): ExecutorHeartbeat => ({
  executorId: id(n),
  name,
  reachable: true,
  reason: null,
  jobId: null,
  queue: null,
  at: AT,
});

describe('what was heard lately', () => {
  it('is the newest word of each instance and executor, in order', () => {
    const live = new LiveStatus();
    live.onService(service(1, 'quality-scorer'));
    live.onService(service(2, 'quality-scorer'));
    live.onService(service(3, 'orchestrator'));
    live.onService({ ...service(2, 'quality-scorer'), ready: false });
    live.onExecutor(executor(5, 'b'));
    live.onExecutor(executor(4, 'a'));
    expect(live.services().map(({ instance, ready }) => [instance, ready])).toEqual([
      [id(3), true],
      [id(1), true],
      [id(2), false],
    ]);
    expect(live.executors().map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('is forgotten when nothing more was heard for ten seconds', () => {
    let now = 0;
    const live = new LiveStatus(() => now);
    live.onService(service(1, 'orchestrator'));
    live.onExecutor(executor(2, 'a'));
    now = HEARD_FOR_MS;
    live.onExecutor(executor(3, 'b'));
    expect([live.services().length, live.executors().length]).toEqual([1, 2]);
    now += 1;
    expect([live.services().length, live.executors().map(({ name }) => name)]).toEqual([0, ['b']]);
  });
});
