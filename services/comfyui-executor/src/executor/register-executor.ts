import type { ComfyClient } from '@anime/comfyui-client';
import { EXECUTOR_ACK_WAIT_MS, executorDurable, executorFilter, ExecutorRegisteredV1 } from '@anime/contracts';
import { createDurable, deriveId, lastEventOnSubject, type JetStreamLog } from '@anime/event-store';
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
  const id = deriveId(executorId, 'registered');
  const data = {
    name,
    comfyuiVersion: stats.system.comfyui_version,
    simulator: stats.system['deploy_environment'] === 'simulator',
    devices: stats.devices.map((device) => ({ name: device.name, vramBytes: device.vram_total ?? 0 })),
  };
  const meta = { id, time: new Date().toISOString(), correlationId: id, actor: 'service:comfyui-executor' };
  try {
    const { duplicate } = await log.append(
      { contract: ExecutorRegisteredV1, aggregateId: executorId, data, ...meta },
      { expect: { scope: 'aggregate', lastPosition: last?.position ?? 0 } },
    );
    return !duplicate;
  } catch (error) {
    // Another process of the same name was faster.
    if (isProblem(error, 'append-conflict') && (await isRegistered(log, executorId))) return false;
    throw error;
  }
}

async function isRegistered(log: JetStreamLog, executorId: string): Promise<boolean> {
  return (await lastEventOnSubject(log, [ExecutorRegisteredV1], executorId)) !== undefined;
}
