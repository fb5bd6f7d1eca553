import { JobExecutedV1, type ExecutedOutput } from '@anime/contracts';
import { uuidv7, type EventLog, type NewEvent } from '@anime/event-store';
import { testEvent } from '@anime/event-store/testing';

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
    ...changes,
  };
}

/** Puts an executed attempt of a new job into the log. */
export async function appendExecuted(
  log: EventLog,
  outputs: ExecutedOutput[],
): Promise<NewEvent<typeof JobExecutedV1>> {
  const executed = testEvent(
    JobExecutedV1,
    uuidv7(),
    {
      attempt: 1,
      executorId: uuidv7(),
      promptId: uuidv7(),
      variant: 'normal',
      graphHash: 'b'.repeat(64),
      cached: false,
      outputs,
      executionMs: 12,
    },
    { correlationId: uuidv7(), traceparent: TRACE },
  );
  await log.append(executed);
  return executed;
}
