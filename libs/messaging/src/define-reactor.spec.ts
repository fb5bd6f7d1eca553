import { describe, expect, it } from '@jest/globals';
import { JobCancelOrderedV1, JobCancelRequestedV2, JobFailedV1 } from '@anime/contracts';
import { isEvent, uuidv7, type NewEvent, type RecordedEvent } from '@anime/event-store';
import { recordAll, testEvent } from '@anime/event-store/testing';
import { DONE, type ConsumerTable } from './consumer-table.js';
import { defineReactor } from './define-reactor.js';

function recorded(event: NewEvent): RecordedEvent {
  const [one] = recordAll([event]);
  if (one === undefined) throw new Error('nothing was recorded');
  return one;
}

describe('a defined reactor', () => {
  const seen: string[] = [];
  const row = defineReactor({
    kind: 'reactor',
    name: 'worker',
    durable: 'worker',
    events: [JobCancelOrderedV1, JobCancelRequestedV2],
    ackWaitMs: 1_000,
    backoffMs: [],
    concurrency: 1,
    isCurrent: async (event) => event.type === 'job.cancel-ordered' && event.data.attempt > 1,
    handle: async (event) => {
      // The compiler knows each event's data here: this line would not build otherwise.
      seen.push(isEvent(event, JobCancelOrderedV1) ? event.data.promptId : event.type);
      return DONE;
    },
    park: async () => undefined,
  });
  const context = { deliveries: 1, signal: new AbortController().signal };
  const ordered = testEvent(JobCancelOrderedV1, uuidv7(), { attempt: 2, executorId: uuidv7(), promptId: uuidv7() });

  it('fits a table and hands each event to its handler with its type', async () => {
    const table: ConsumerTable = [row];
    expect(table).toHaveLength(1);
    expect(await row.handle(recorded(ordered), context)).toBe(DONE);
    expect(seen).toEqual([ordered.data.promptId]);
    expect(await row.isCurrent?.(recorded(ordered))).toBe(true);
    expect(await row.isCurrent?.(recorded(testEvent(JobCancelRequestedV2, uuidv7(), { reason: null })))).toBe(false);
  });

  it('refuses an event that is none of its own', async () => {
    const other = testEvent(JobFailedV1, uuidv7(), { attempts: 1, class: 'internal', message: 'x' });
    await expect(row.handle({ ...recorded(ordered), type: other.contract.type }, context)).rejects.toThrow(
      'has no handler for it',
    );
  });
});
