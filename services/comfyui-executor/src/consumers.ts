import { EXECUTOR_ACK_WAIT_MS, executorDurable, EXECUTOR_ORDERS, JobAssignedV2 } from '@anime/contracts';
import { isEvent } from '@anime/event-store';
import { defineReactor, type ConsumerTable, type Outcome } from '@anime/messaging';
import { isOrder } from './attempt/attempt-journal.js';
import type { Executor } from './executor/executor.js';

/**
 * All that the comfyui-executor reads, and how: one durable for each server. An assignment is held until its attempt has
 * ended, and a cancel is handled beside it, so many may be in hand at once and there is no order among them.
 */
export function consumers(executors: readonly Executor[]): ConsumerTable {
  return executors.map((executor) =>
    defineReactor({
      kind: 'reactor',
      name: `executor-${executor.name}`,
      durable: executorDurable(executor.id),
      awaits: () => executor.registration,
      events: EXECUTOR_ORDERS,
      ackWaitMs: EXECUTOR_ACK_WAIT_MS,
      backoffMs: [500, 1_000, 2_000, 5_000],
      concurrency: 64,
      // A cancel must be answered, and a lost attempt stopped, whatever came after it.
      isCurrent: async (event) => !isEvent(event, JobAssignedV2) || executor.journal.isCurrent(event),
      handle: (event, context): Promise<Outcome> => {
        if (!executor.holds)
          return Promise.resolve({
            kind: 'retry',
            error: new Error(`another process holds executor ${executor.name}`),
            delayMs: 500,
          });
        return executor.runner.onOrder(event, context);
      },
      release: () => executor.letGo(),
      park: async (event, error, deliveries) => {
        if (isOrder(event)) await executor.runner.park(event, error, deliveries);
      },
    }),
  );
}
