import { z } from 'zod';
import { ExecutorHeartbeatV1, ServiceStatusV1 } from '../messages/live-messages.js';
import { Position } from './fields.js';

/** What every part says about itself, and how far each has come. Parts unheard for 10 s are left out. */
export const SystemStatus = z
  .strictObject({
    log: z.strictObject({
      reachable: z.boolean(),
      reason: z.string().nullable().meta({ description: 'why not' }),
      end: Position.nullable().meta({ description: 'position of the last event' }),
    }),
    readModel: z.strictObject({
      reachable: z.boolean(),
      reason: z.string().nullable(),
      position: Position.nullable(),
      lag: z.int().min(0).nullable().meta({ description: 'events still to be read' }),
      voids: z.strictObject({
        count: z.int().min(0).nullable(),
        recent: z
          .array(z.strictObject({ position: Position, subject: z.string(), reason: z.string() }))
          .meta({ description: 'messages on event subjects that are no events, newest first' }),
      }),
      deadLetters: z.int().min(0).nullable().meta({ description: 'events that a consumer gave up' }),
    }),
    services: z.array(ServiceStatusV1.data.meta({ id: 'ServiceInstance' })),
    executors: z.array(ExecutorHeartbeatV1.data.meta({ id: 'Executor' })),
  })
  .meta({ id: 'SystemStatus' });
export type SystemStatus = z.infer<typeof SystemStatus>;
