import { JobAcceptedV1, JobExecutedV1, type EventData, type ExecutedOutput } from '@anime/contracts';
import { uuidv7, type EventLog, type NewEvent } from '@anime/event-store';
import { testEvent } from '@anime/event-store/testing';

export const GRAPH_HASH = 'b'.repeat(64);
export const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** Output `node` of an attempt, a picture unless said otherwise. */
export function executedOutput(
  blob: { readonly sha256: string; readonly size: number },
  changes: Partial<ExecutedOutput> = {},
): ExecutedOutput {
  return {
    node: '7',
    index: 0,
    kind: 'image',
    role: 'final',
    blob: blob.sha256,
    size: blob.size,
    mediaType: 'image/png',
    filename: 'ComfyUI_00001_.png',
    ...changes,
  };
}

/** Puts an accepted job and its first executed attempt into the log. */
export async function appendExecutedJob(
  log: EventLog,
  outputs: ExecutedOutput[],
  changes: Partial<EventData<typeof JobAcceptedV1>> = {},
): Promise<NewEvent<typeof JobExecutedV1>> {
  const jobId = uuidv7();
  const accepted: EventData<typeof JobAcceptedV1> = {
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
    ...changes,
  };
  await log.append(testEvent(JobAcceptedV1, jobId, accepted, { epoch: 1 }));
  const executed = testEvent(
    JobExecutedV1,
    jobId,
    {
      attempt: 1,
      executorId: uuidv7(),
      promptId: uuidv7(),
      variant: 'normal',
      graphHash: GRAPH_HASH,
      cached: false,
      outputs,
      executionMs: 12,
    },
    { correlationId: uuidv7(), traceparent: TRACE },
  );
  await log.append(executed);
  return executed;
}
