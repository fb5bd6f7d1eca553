import { JobAcceptedV3, type EventData, type ExecutedOutput, type JobExecutedV2 } from '@anime/contracts';
import { uuidv7, type EventLog, type NewEvent } from '@anime/event-store';
import { executedAttempt, GRAPH_HASH, testEvent } from '@anime/event-store/testing';

/** Puts an accepted job and its first executed attempt into the log. */
export async function appendExecutedJob(
  log: EventLog,
  outputs: ExecutedOutput[],
  changes: Partial<EventData<typeof JobAcceptedV3>> = {},
): Promise<NewEvent<typeof JobExecutedV2>> {
  const jobId = uuidv7();
  const accepted: EventData<typeof JobAcceptedV3> = {
    type: 'image',
    template: { id: 'text-to-image', version: 1 },
    parameters: { prompt: 'a girl on a cliff above the sea', steps: 20 },
    seed: 42,
    project: null,
    variants: [
      {
        name: 'normal',
        graph: {
          inline: { '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'anime-v1.safetensors' } } },
        },
        graphHash: GRAPH_HASH,
        vramGb: 4,
      },
    ],
    outputs: [{ node: '7', kind: 'image', role: 'final', filenamePrefixInput: 'filename_prefix' }],
    progress: { '7': 1 },
    metricSet: 'classical',
    layout: { title: 'text-to-image', requestedAt: '2026-11-20T12:00:11.000Z' },
    maxAttempts: 3,
    inputs: [],
    maxRunSeconds: null,
    ...changes,
  };
  await log.append(testEvent(JobAcceptedV3, jobId, accepted, { epoch: 1 }));
  const executed = executedAttempt(outputs, jobId);
  await log.append(executed);
  return executed;
}
