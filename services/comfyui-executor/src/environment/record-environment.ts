import { ExecutorEnvironmentChangedV1 } from '@anime/contracts';
import { deriveId, lastEventOnSubject, type EventLog } from '@anime/event-store';
import { isProblem } from '@anime/problem-details';
import type { EnvironmentData } from '../domain/environment/environment.js';

const TRIES = 10;

/**
 * Appends `executor.environment-changed` unless the log names this environment as the executor's newest.
 * @returns whether it was appended now, by this process
 * @throws ProblemError `append-conflict` after the last try, `newer-contract` when a newer build has told of the environment,
 *   `log-unavailable`…
 */
export async function recordEnvironment(
  log: EventLog,
  executorId: string,
  data: EnvironmentData,
  now: () => Date = () => new Date(),
): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    // Asked first: whatever comes after it, garbage too, then makes the append a conflict.
    const last = await log.lastOnSubject(ExecutorEnvironmentChangedV1, executorId);
    const newest = await lastEventOnSubject(log, [ExecutorEnvironmentChangedV1], executorId);
    if (newest?.data.environment === data.environment) return false;
    // The id holds what it follows: the same environment may come again after another one.
    const id = deriveId(newest?.id ?? executorId, 'environment-changed', data.environment);
    const meta = { id, time: now().toISOString(), correlationId: id, actor: 'service:comfyui-executor' };
    try {
      const { duplicate } = await log.append(
        { contract: ExecutorEnvironmentChangedV1, aggregateId: executorId, data, ...meta },
        { expect: { scope: 'subject', lastPosition: last?.position ?? 0 } },
      );
      return !duplicate;
    } catch (error) {
      if (!isProblem(error, 'append-conflict') || tries === TRIES) throw error;
    }
  }
}
