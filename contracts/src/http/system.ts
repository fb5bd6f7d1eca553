import { z } from 'zod';
import { ExecutorHeartbeatV1, ServiceStatusV1 } from '../messages/live-messages.js';
import { DeadLetterState } from '../values/dead-letter-state.js';
import { Instant, Uuid } from '../values/primitives.js';
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
      voids: z
        .strictObject({
          void: z.int().min(0).meta({ description: 'messages on event subjects that are no events' }),
          fenced: z.int().min(0).meta({ description: 'decisions of a term that had ended' }),
          recent: z.array(
            z.strictObject({
              position: Position,
              kind: z.enum(['void', 'fenced']),
              subject: z.string(),
              reason: z.string(),
            }),
          ),
        })
        .nullable()
        .meta({ description: 'messages of the log without effect, newest first; null while the read-model is away' }),
      deadLetters: z
        .strictObject({
          count: z.int().min(0),
          recent: z.array(
            z.strictObject({
              id: Uuid,
              state: DeadLetterState,
              consumer: z.string(),
              eventId: Uuid,
              eventName: z.string(),
              aggregateId: Uuid,
              code: z.string(),
              message: z.string(),
              deliveries: z.int().min(0),
              parkedAt: Instant,
            }),
          ),
        })
        .nullable()
        .meta({
          description:
            'given-up events that are neither settled nor discarded, newest first; null while the read-model is away',
        }),
    }),
    services: z.array(ServiceStatusV1.data.meta({ id: 'ServiceInstance' })),
    executors: z.array(
      ExecutorHeartbeatV1.data.extend({ links: z.strictObject({ self: z.string() }) }).meta({ id: 'HeardExecutor' }),
    ),
  })
  .meta({ id: 'SystemStatus' });
export type SystemStatus = z.infer<typeof SystemStatus>;
