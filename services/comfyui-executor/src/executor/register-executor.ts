import type { ComfyClient } from '@anime/comfyui-client';
import {
  EXECUTOR_ACK_WAIT_MS,
  executorDurable,
  executorFilter,
  ExecutorRegisteredV1,
  type EventData,
} from '@anime/contracts';
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
  const data = await selfPortrait(client, name);
  await createDurable(executorDurable(executorId), {
    nc: await log.connected(),
    stream: log.stream,
    from: 'start',
    filterSubject: executorFilter(log.root, executorId),
    ackWaitMs: EXECUTOR_ACK_WAIT_MS,
    description: `orders to executor ${name}`,
  });
  try {
    return await append(log, executorId, deriveId(executorId, 'registered'), data, last?.position ?? 0);
  } catch (error) {
    // Another process of the same name was faster.
    if (isProblem(error, 'append-conflict') && (await isRegistered(log, executorId))) return false;
    throw error;
  }
}

const TRIES = 10;

/**
 * Registers an executor again whose server was restarted after a fault: then the orchestrator gives it work again. Its durable is
 * there since the first time.
 * @param cause the event that ended its work, or what else is the reason: an executor registers anew once for each
 * @returns true when it was registered now, false when it had been for this cause
 * @throws ProblemError `append-conflict` after the last try, `comfyui-unavailable`, `log-unavailable`…
 */
export async function registerAnew(
  log: JetStreamLog,
  client: ComfyClient,
  executorId: string,
  name: string,
  cause: string,
): Promise<boolean> {
  const id = deriveId(executorId, 'registered', cause);
  const data = await selfPortrait(client, name);
  for (let tries = 1; ; tries += 1) {
    const last = await log.lastOfAggregate('executor', executorId);
    if ((await lastEventOnSubject(log, [ExecutorRegisteredV1], executorId))?.id === id) return false;
    try {
      return await append(log, executorId, id, data, last?.position ?? 0);
    } catch (error) {
      if (!isProblem(error, 'append-conflict') || tries === TRIES) throw error;
    }
  }
}

type Registered = EventData<typeof ExecutorRegisteredV1>;

/** What the server says of itself. */
async function selfPortrait(client: ComfyClient, name: string): Promise<Registered> {
  const { system, devices } = await client.systemStats();
  return {
    name,
    comfyuiVersion: system.comfyui_version,
    simulator: system['deploy_environment'] === 'simulator',
    devices: devices.map((device) => ({ name: device.name, vramBytes: device.vram_total ?? 0 })),
  };
}

/** @returns false when this very event was in the log */
async function append(
  log: JetStreamLog,
  executorId: string,
  id: string,
  data: Registered,
  lastPosition: number,
): Promise<boolean> {
  const meta = { id, time: new Date().toISOString(), correlationId: id, actor: 'service:comfyui-executor' };
  const { duplicate } = await log.append(
    { contract: ExecutorRegisteredV1, aggregateId: executorId, data, ...meta },
    { expect: { scope: 'aggregate', lastPosition } },
  );
  return !duplicate;
}

async function isRegistered(log: JetStreamLog, executorId: string): Promise<boolean> {
  return (await lastEventOnSubject(log, [ExecutorRegisteredV1], executorId)) !== undefined;
}
