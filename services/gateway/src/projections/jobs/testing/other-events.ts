import {
  ApiKeyIssuedV1,
  ApiKeyRevokedV1,
  ExecutorDrainedV1,
  ExecutorEnvironmentChangedV1,
  ExecutorLostV1,
  ExecutorPausedV1,
  ExecutorRecoveredV1,
  ExecutorRegisteredV1,
  ExecutorResumedV1,
  SchedulerTermStartedV1,
  WorkflowRegisteredV2,
  type EventData,
} from '@anime/contracts';
import { deriveId, type NewEvent } from '@anime/event-store';
import { EXECUTOR, HASH, OUTPUT, sample, SEALED } from './sample-events.js';

/** Of a server with one GPU. */
export const ENVIRONMENT: EventData<typeof ExecutorEnvironmentChangedV1> = {
  environment: HASH,
  comfyuiVersion: '0.33.0',
  pythonVersion: '3.11.7',
  pytorchVersion: null,
  cudaVersion: null,
  os: 'posix',
  arguments: ['main.py'],
  devices: [{ name: 'cpu', type: 'cpu', vramBytes: 2 ** 40 }],
  nodeDefinitions: { blob: HASH, size: 1_640_771, classes: 938 },
  packs: [{ name: 'ComfyUI-VideoHelperSuite', version: '1.7.9' }],
};

/** Id of the executor among the events that belong to no job. */
export function otherExecutorId(name: string): string {
  return deriveId(EXECUTOR, 'others', name);
}

/** The events that belong to no job. `epoch` is the term that begins. */
export function otherEvents(name: string, epoch: number): NewEvent[] {
  const id = otherExecutorId(name);
  const manifest = {
    id: 'text-to-image',
    version: epoch,
    title: 'Text to image',
    description: 'A picture from words',
    kind: 'image' as const,
    nodeClasses: ['KSampler'],
    vramGb: 6.5,
    models: [],
    parameters: [{ name: 'prompt', schema: { type: 'string' as const }, targets: ['6.text'] }],
    outputs: [OUTPUT],
    progress: { '3': 1 },
  };
  return [
    sample(
      ExecutorRegisteredV1,
      id,
      { name, comfyuiVersion: '0.33.0', simulator: true, devices: [{ name: 'cpu', vramBytes: 2 ** 40 }] },
      0,
    ),
    sample(ExecutorEnvironmentChangedV1, id, ENVIRONMENT, 0.5),
    sample(ExecutorLostV1, id, { silentMs: 30_000 }, 1),
    ...(epoch === 1 ? [] : [sample(ExecutorRecoveredV1, id, {}, 2)]),
    sample(ExecutorPausedV1, id, { reason: SEALED }, 3),
    sample(ExecutorDrainedV1, id, { reason: 'worker-stopped', message: 'it runs nothing', promptId: null }, 4),
    ...(epoch === 1 ? [] : [sample(ExecutorResumedV1, id, {}, 5)]),
    sample(
      WorkflowRegisteredV2,
      id,
      {
        slug: name,
        version: epoch,
        manifest,
        graph: { inline: {} },
        graphHash: HASH,
        builtIn: true,
        lowMemory: { graph: { inline: {} }, graphHash: HASH },
      },
      0,
    ),
    sample(SchedulerTermStartedV1, deriveId(EXECUTOR, 'scheduler'), { epoch, leader: id }, 0),
    sample(
      ApiKeyIssuedV1,
      deriveId(id, 'key'),
      { actor: id, hash: HASH, hint: 'anime_Ab3d', scopes: ['jobs:read'], label: null, expiresAt: null },
      0,
    ),
    sample(ApiKeyRevokedV1, deriveId(id, 'key'), {}, 1),
  ];
}
