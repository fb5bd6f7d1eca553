import { describe, expect, it } from '@jest/globals';
import {
  ExecutorDrainedV1,
  ExecutorEnvironmentChangedV1,
  ExecutorLostV1,
  ExecutorPausedV1,
  ExecutorRecoveredV1,
  ExecutorRegisteredV1,
  ExecutorResumedV1,
} from '@anime/contracts';
import type { NewEvent } from '@anime/event-store';
import { testEvent } from '@anime/event-store/testing';
import fc from 'fast-check';
import type { ExecutorRow } from './rows.js';
import { ENVIRONMENTS, EXECUTORS } from './tables.js';
import { ENVIRONMENT } from './testing/other-events.js';
import { RowMap } from './testing/row-map.js';
import { EXECUTOR, SEALED } from './testing/sample-events.js';

const registered = (comfyuiVersion = '0.33.0') =>
  testEvent(ExecutorRegisteredV1, EXECUTOR, { name: 'comfyui-1', comfyuiVersion, simulator: true, devices: [] });
const paused = () => testEvent(ExecutorPausedV1, EXECUTOR, { reason: SEALED });
const resumed = () => testEvent(ExecutorResumedV1, EXECUTOR, {});
const drained = (reason: 'worker-stopped' | 'gpu-fault' = 'worker-stopped') =>
  testEvent(ExecutorDrainedV1, EXECUTOR, { reason, message: 'it runs nothing', promptId: null });
const lost = () => testEvent(ExecutorLostV1, EXECUTOR, { silentMs: 30_000 });
const recovered = () => testEvent(ExecutorRecoveredV1, EXECUTOR, {});
const environment = (name: string, comfyuiVersion = '0.33.0') =>
  testEvent(ExecutorEnvironmentChangedV1, EXECUTOR, { ...ENVIRONMENT, environment: name.repeat(64), comfyuiVersion });
function executor(...events: readonly NewEvent[]): ExecutorRow {
  return new RowMap().apply(...events).row(EXECUTORS, { id: EXECUTOR });
}
const READY = { lost_at: null, paused_at: null, pause_reason: null, drained_at: null, drain_reason: null };

describe('an executor in the read-model', () => {
  it('is as its newest registration or environment says', () => {
    expect(executor(registered('0.32.0'), environment('a', '0.34.0'))).toMatchObject({
      comfyui_version: '0.34.0',
      devices: [{ name: 'cpu', vramBytes: 2 ** 40 }],
    });
    expect(executor(registered('0.32.0'), registered('0.33.0'))).toMatchObject({ comfyui_version: '0.33.0', ...READY });
  });

  it('is paused until somebody resumes it, whatever its server does, with the first reason', () => {
    expect(executor(registered(), paused(), registered())).toMatchObject({ pause_reason: SEALED });
    const second = testEvent(ExecutorPausedV1, EXECUTOR, { reason: null });
    expect(executor(registered(), paused(), second)).toMatchObject({ pause_reason: SEALED });
    expect(executor(registered(), paused(), resumed())).toMatchObject(READY);
  });

  it('is drained by what its server said, for the first reason, until it registers anew or somebody resumes it', () => {
    expect(executor(registered(), drained('gpu-fault'), drained())).toMatchObject({
      drain_reason: 'gpu-fault',
      drain_message: 'it runs nothing',
    });
    for (const end of [registered(), resumed()]) expect(executor(registered(), drained(), end)).toMatchObject(READY);
  });

  it('is lost until it was heard again or registers anew, and stays paused meanwhile', () => {
    expect(executor(registered(), lost(), registered())).toMatchObject(READY);
    expect(executor(registered(), paused(), lost())).toMatchObject({
      lost_at: expect.any(String),
      pause_reason: SEALED,
    });
    expect(executor(registered(), paused(), lost(), recovered())).toMatchObject({
      lost_at: null,
      pause_reason: SEALED,
    });
  });

  it('has the newest environment; what was told of one first stays', () => {
    const rows = new RowMap().apply(registered(), environment('a'), environment('b'), environment('a', '9.9.9'));
    expect(rows.row(EXECUTORS, { id: EXECUTOR }).environment).toBe('a'.repeat(64));
    expect(rows.row(ENVIRONMENTS, { environment: 'a'.repeat(64) })).toMatchObject({
      comfyui_version: '0.33.0',
      first_executor_id: EXECUTOR,
      packs: ENVIRONMENT.packs,
    });
    expect(rows.row(ENVIRONMENTS, { environment: 'b'.repeat(64) })).toBeDefined();
  });

  it('is not changed by an event that comes a second time, at any later place', () => {
    const kinds = [
      registered,
      paused,
      resumed,
      () => drained(),
      lost,
      recovered,
      () => environment('a'),
      () => environment('b'),
    ];
    fc.assert(
      fc.property(
        fc.array(fc.nat(kinds.length - 1), { minLength: 2, maxLength: 12 }),
        fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 6 }),
        (order, repeats) => {
          const events = [registered(), ...order.map((n) => kinds[n]?.() ?? registered())];
          const again = [...events];
          for (const [which, later] of repeats) {
            const event = events[which % events.length];
            if (event !== undefined) again.splice(again.indexOf(event) + 1 + later, 0, event);
          }
          expect(executor(...again)).toEqual(executor(...events));
        },
      ),
    );
  });
});
