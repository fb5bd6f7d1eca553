import { JobExecutedV2, type ExecutedOutput } from '@anime/contracts';
import type { NewEvent } from '../event.js';
import { uuidv7 } from '../ids.js';
import { testEvent } from './test-event.js';

/** Of the graph that `executedAttempt` ran. */
export const GRAPH_HASH = 'b'.repeat(64);
/** The `traceparent` of `executedAttempt`. */
export const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** An output of an attempt, a picture unless said otherwise. */
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
    pixelSha256: null,
    ...changes,
  };
}

/** The first attempt of a job, executed with these outputs. */
export function executedAttempt(outputs: ExecutedOutput[], jobId = uuidv7()): NewEvent<typeof JobExecutedV2> {
  return testEvent(
    JobExecutedV2,
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
      cachedNodes: [],
      models: [],
      vramPeakBytes: null,
    },
    { correlationId: uuidv7(), traceparent: TRACE },
  );
}
