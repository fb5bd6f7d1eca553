import {
  ExecutorDrainedV1,
  ExecutorEnvironmentChangedV1,
  ExecutorLostV1,
  ExecutorPausedV1,
  ExecutorRecoveredV1,
  ExecutorRegisteredV1,
  ExecutorResumedV1,
} from '@anime/contracts';
import { isEvent, type RecordedEvent } from '@anime/event-store/pure';
import type { ExecutorState } from './executor.js';

/** Every event of an executor. */
export const EXECUTOR_EVENTS = [
  ExecutorRegisteredV1,
  ExecutorEnvironmentChangedV1,
  ExecutorDrainedV1,
  ExecutorLostV1,
  ExecutorRecoveredV1,
  ExecutorPausedV1,
  ExecutorResumedV1,
] as const;

/** Folds one event into an executor; before it is registered there is none. */
export function evolveExecutor(known: ExecutorState | undefined, event: RecordedEvent): ExecutorState | undefined {
  const { aggregateId: executorId, position } = event;
  if (isEvent(event, ExecutorRegisteredV1)) {
    const vramBytes = largest(event.data.devices);
    const equipped = { executorId, name: event.data.name, vramBytes, equippedAt: position, lastPosition: position };
    return { paused: known?.paused ?? false, ...equipped, lostAt: null, drained: false, shortage: null };
  }
  if (known === undefined) return undefined;
  return { ...known, ...changes(event), lastPosition: position };
}

function changes(event: RecordedEvent): Partial<ExecutorState> {
  if (isEvent(event, ExecutorEnvironmentChangedV1))
    return { vramBytes: largest(event.data.devices), equippedAt: event.position, shortage: null };
  if (isEvent(event, ExecutorDrainedV1)) return { drained: true };
  if (isEvent(event, ExecutorLostV1)) return { lostAt: event.time };
  if (isEvent(event, ExecutorRecoveredV1)) return { lostAt: null, shortage: null };
  if (isEvent(event, ExecutorPausedV1)) return { paused: true };
  if (isEvent(event, ExecutorResumedV1)) return { paused: false, drained: false, shortage: null };
  return {};
}

function largest(devices: readonly { readonly vramBytes: number }[]): number | null {
  const most = Math.max(0, ...devices.map(({ vramBytes }) => vramBytes));
  return most > 0 ? most : null;
}
