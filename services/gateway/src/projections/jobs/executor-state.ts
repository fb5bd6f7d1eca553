import {
  ExecutorDrainedV1,
  ExecutorEnvironmentChangedV1,
  ExecutorLostV1,
  ExecutorPausedV1,
  ExecutorRecoveredV1,
  ExecutorRegisteredV1,
  ExecutorResumedV1,
} from '@anime/contracts';
import type { RowChange, RowRef, Rows } from '@anime/projections';
import { put, ref } from '../changes.js';
import type { ExecutorEvent } from './events.js';
import type { ExecutorRow } from './rows.js';
import { ENVIRONMENTS, EXECUTOR_TIMELINE, EXECUTORS } from './tables.js';

const NOT_DRAINED = { drained_at: null, drain_reason: null, drain_message: null } as const;
const NOT_PAUSED = { paused_at: null, paused_by: null, pause_reason: null } as const;

const AT_FIRST = { environment: null, environment_since: null, ...NOT_PAUSED } as const;

/** The rows that an event of an executor may touch. */
export function executorRefs(event: ExecutorEvent): readonly RowRef[] {
  const { aggregateId: id } = event;
  const refs = [ref(EXECUTORS, { id }), ref(EXECUTOR_TIMELINE, { executor_id: id, event_id: event.id })];
  if (event.type === ExecutorEnvironmentChangedV1.type)
    refs.push(ref(ENVIRONMENTS, { environment: event.data.environment }));
  return refs;
}

/** What an event of an executor changes: the newest one counts, and a repeat of an older one is none. */
export function applyToExecutor(rows: Rows, event: ExecutorEvent): readonly RowChange[] {
  const { aggregateId: id, id: event_id, position, type, time } = event;
  if (rows.get(EXECUTOR_TIMELINE, { executor_id: id, event_id }) !== undefined) return [];
  const changes: RowChange[] = [put(EXECUTOR_TIMELINE, { executor_id: id, event_id, position, type, time })];
  if (event.type === ExecutorEnvironmentChangedV1.type) changes.push(...environmentChanges(rows, event));
  const after = executorAfter(rows.get(EXECUTORS, { id }), event);
  if (after !== undefined) changes.push(put(EXECUTORS, after));
  return changes;
}

function executorAfter(executor: ExecutorRow | undefined, event: ExecutorEvent): ExecutorRow | undefined {
  const { time } = event;
  if (event.type === ExecutorRegisteredV1.type) {
    const { name, comfyuiVersion, simulator, devices } = event.data;
    const told = { name, comfyui_version: comfyuiVersion, simulator, devices, registered_at: time };
    // Its server was started anew: what had stopped it is over. What a person wants of it is not.
    return { ...(executor ?? { id: event.aggregateId, ...AT_FIRST }), ...told, lost_at: null, ...NOT_DRAINED };
  }
  if (executor === undefined) return undefined;
  switch (event.type) {
    case ExecutorEnvironmentChangedV1.type: {
      const { environment, comfyuiVersion, devices } = event.data;
      const told = {
        comfyui_version: comfyuiVersion,
        devices: devices.map(({ name, vramBytes }) => ({ name, vramBytes })),
      };
      return { ...executor, ...told, environment, environment_since: time };
    }
    case ExecutorDrainedV1.type:
      // The first reason stays: what comes after it follows from it.
      if (executor.drained_at !== null) return executor;
      return { ...executor, drained_at: time, drain_reason: event.data.reason, drain_message: event.data.message };
    case ExecutorPausedV1.type:
      if (executor.paused_at !== null) return executor;
      return { ...executor, paused_at: time, paused_by: event.actor, pause_reason: event.data.reason };
    case ExecutorResumedV1.type:
      return { ...executor, ...NOT_PAUSED, ...NOT_DRAINED };
    case ExecutorLostV1.type:
      return { ...executor, lost_at: time };
    case ExecutorRecoveredV1.type:
      return { ...executor, lost_at: null };
  }
}

/** The first executor that had an environment is told with it. */
function environmentChanges(
  rows: Rows,
  { aggregateId, data, time }: Extract<ExecutorEvent, { readonly type: typeof ExecutorEnvironmentChangedV1.type }>,
): readonly RowChange[] {
  const { environment } = data;
  if (rows.get(ENVIRONMENTS, { environment }) !== undefined) return [];
  return [
    put(ENVIRONMENTS, {
      environment,
      comfyui_version: data.comfyuiVersion,
      python_version: data.pythonVersion,
      pytorch_version: data.pytorchVersion,
      cuda_version: data.cudaVersion,
      os: data.os,
      arguments: data.arguments,
      devices: data.devices,
      node_definitions: data.nodeDefinitions,
      packs: data.packs,
      first_seen_at: time,
      first_executor_id: aggregateId,
    }),
  ];
}
