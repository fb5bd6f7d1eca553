import type { ComfyClient, SystemStats } from '@anime/comfyui-client';
import { EXECUTOR_ACK_WAIT_MS, executorDurable, executorFilter, ExecutorRegisteredV1 } from '@anime/contracts';
import { createDurable, deriveId, lastEventOnSubject, type JetStreamLog, type NewEvent } from '@anime/event-store';
import { isProblem } from '@anime/problem-details';

/**
 * Makes an executor known on the first contact with its server. The durable comes before the event: nothing is assigned
 * to an executor that is not registered, so whatever dies in between, no order is missed and the next life goes on
 * here. A registered executor whose durable is gone is not repaired silently; its consumer says how.
 * @returns true when it was registered now, false when it had been
 * @throws ProblemError `append-conflict` when garbage came in between (the next try counts it), `log-unavailable`…
 */
export async function registerExecutor(
  log: JetStreamLog,
  client: ComfyClient,
  executorId: string,
  name: string,
): Promise<boolean> {
  // Asked first: whatever comes after it, garbage too, then makes the append a conflict.
  const last = await log.lastOfAggregate('executor', executorId);
  if (await isRegistered(log, executorId)) return false;
  const stats = await client.systemStats();
  await createDurable(executorDurable(executorId), {
    nc: await log.connected(),
    stream: log.stream,
    from: 'start',
    filterSubject: executorFilter(log.root, executorId),
    ackWaitMs: EXECUTOR_ACK_WAIT_MS,
    description: `orders to executor ${name}`,
  });
  try {
    const { duplicate } = await log.append(
      registered(deriveId(executorId, 'registered'), { executorId, name }, stats),
      { expect: { scope: 'aggregate', lastPosition: last?.position ?? 0 } },
    );
    return !duplicate;
  } catch (error) {
    // Another process of the same name was faster.
    if (isProblem(error, 'append-conflict') && (await isRegistered(log, executorId))) return false;
    throw error;
  }
}

/**
 * Makes known that an executor works again after it was drained or had a GPU fault: its server was started anew.
 * @param causeId the event that ended its work; it is registered anew once for each
 * @throws what the server and the log throw
 */
export async function registerAnew(
  log: JetStreamLog,
  client: ComfyClient,
  { executorId, name, causeId }: { readonly executorId: string; readonly name: string; readonly causeId: string },
): Promise<void> {
  const stats = await client.systemStats();
  await log.append(registered(deriveId(causeId, 'registered'), { executorId, name }, stats));
}

function registered(
  id: string,
  { executorId, name }: { readonly executorId: string; readonly name: string },
  { system, devices }: SystemStats,
): NewEvent<typeof ExecutorRegisteredV1> {
  return {
    contract: ExecutorRegisteredV1,
    aggregateId: executorId,
    data: {
      name,
      comfyuiVersion: system.comfyui_version,
      simulator: system['deploy_environment'] === 'simulator',
      devices: devices.map((device) => ({ name: device.name, vramBytes: device.vram_total ?? 0 })),
    },
    id,
    time: new Date().toISOString(),
    correlationId: id,
    actor: 'service:comfyui-executor',
  };
}

async function isRegistered(log: JetStreamLog, executorId: string): Promise<boolean> {
  return (await lastEventOnSubject(log, [ExecutorRegisteredV1], executorId)) !== undefined;
}
