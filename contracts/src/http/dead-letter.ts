import { z } from 'zod';
import { DeadLetterState } from '../values/dead-letter-state.js';
import { Instant, Uuid } from '../values/primitives.js';
import { ReplayOutcome } from '../values/replay-outcome.js';
import { PlainText, Position, queryList, SealedText } from './fields.js';
import { REASON_LIMIT } from './generate.js';
import { JobEvent } from './job.js';
import { AfterQuery, DEFAULT_PAGE_SIZE, JobListQuery } from './parameters.js';

const Cursor = JobListQuery.shape.cursor;
const Limit = JobListQuery.shape.limit;

/** An event that a consumer gave up, and what was done about it. */
export const DeadLetter = z
  .strictObject({
    id: Uuid,
    state: DeadLetterState.meta({
      description:
        '`open`: somebody has to look; `replayed`: its consumer has not answered yet; `settled`: a replay dealt with it; `discarded`',
    }),
    consumer: z.string().meta({ description: 'which consumer gave it up' }),
    eventId: Uuid,
    eventName: z.string(),
    aggregateId: Uuid.meta({ description: 'the job, for an event of a job' }),
    error: z.strictObject({ code: z.string(), message: z.string() }).meta({ description: 'why, the last time' }),
    deliveries: z.int().min(1).meta({ description: 'how often it was tried, the last time' }),
    parkings: z.int().min(1).meta({ description: 'how often it was given up' }),
    parkedAt: Instant.meta({ description: 'the first time' }),
    lastParkedAt: Instant,
    replays: z.int().min(0),
    replayedAt: Instant.nullable().meta({ description: 'the last time' }),
    replayedBy: z.string().nullable().meta({ description: 'opaque id of a person' }),
    settledAt: Instant.nullable(),
    outcome: ReplayOutcome.nullable().meta({
      description: '`handled`: the effect is in the log; `not-current`: it was there already, or is no longer wanted',
    }),
    discardedAt: Instant.nullable(),
    discardedBy: z.string().nullable().meta({ description: 'opaque id of a person' }),
  })
  .meta({ id: 'DeadLetter' });
export type DeadLetter = z.infer<typeof DeadLetter>;

/** An event as the log has it. */
export const LoggedEvent = z.strictObject(JobEvent.shape).meta({ id: 'LoggedEvent' });
export type LoggedEvent = z.infer<typeof LoggedEvent>;

/** A dead letter with its event and all that was said about it, read from the log itself. */
export const DeadLetterDetail = DeadLetter.extend({
  explanation: z.string().meta({ description: 'how it stands, and what to do next' }),
  event: LoggedEvent.nullable().meta({ description: 'what was given up; null when the log has no such valid event' }),
  discardReason: SealedText.nullable().meta({ description: 'in the words of whoever discarded it, if any' }),
  trail: z.array(LoggedEvent).meta({ description: 'parked, replayed, settled and discarded, in the order of the log' }),
}).meta({ id: 'DeadLetterDetail' });
export type DeadLetterDetail = z.infer<typeof DeadLetterDetail>;

/** A page of dead letters, newest first. */
export const DeadLetterPage = z
  .strictObject({
    deadLetters: z.array(DeadLetter),
    nextCursor: z.string().nullable().meta({ description: 'for the next page; null on the last' }),
    position: Position.meta({ description: 'how far the read-model had come' }),
  })
  .meta({ id: 'DeadLetterPage' });
export type DeadLetterPage = z.infer<typeof DeadLetterPage>;

/** Body of `POST …/discard`; may be left out. */
export const DiscardRequest = z
  .strictObject({
    reason: PlainText.min(1, { abort: true })
      .max(REASON_LIMIT)
      .regex(/\S/, 'must not be blank')
      .optional()
      .meta({ description: 'why, for people; stored sealed' }),
  })
  .meta({ id: 'DiscardRequest' });
export type DiscardRequest = z.infer<typeof DiscardRequest>;

/** The wish is in the log. */
export const DeadLetterAcknowledged = z
  .strictObject({
    deadLetterId: Uuid,
    position: Position.meta({ description: 'place in the log of the wish, also when it had been uttered before' }),
  })
  .meta({ id: 'DeadLetterAcknowledged' });
export type DeadLetterAcknowledged = z.infer<typeof DeadLetterAcknowledged>;

/** A message of the log without effect. It can be neither replayed nor discarded. */
export const VoidMessage = z
  .strictObject({
    position: Position,
    kind: z.enum(['void', 'fenced']).meta({
      description: '`void`: no valid event; `fenced`: decided in a term that had ended',
    }),
    subject: z.string(),
    reason: z.string(),
    size: z.int().min(0).nullable().meta({ description: 'bytes of its data; null for a fenced one' }),
  })
  .meta({ id: 'VoidMessage' });
export type VoidMessage = z.infer<typeof VoidMessage>;

/** A page of messages without effect, newest first. */
export const VoidMessagePage = z
  .strictObject({
    voidMessages: z.array(VoidMessage),
    nextCursor: z.string().nullable().meta({ description: 'for the next page; null on the last' }),
    position: Position.meta({ description: 'how far the read-model had come' }),
  })
  .meta({ id: 'VoidMessagePage' });
export type VoidMessagePage = z.infer<typeof VoidMessagePage>;

/** `/{id}` of a dead letter. */
export const DeadLetterParams = z.strictObject({ id: Uuid });

/** Query of the list of dead letters. */
export const DeadLetterListQuery = z.strictObject({
  state: queryList(DeadLetterState).optional().meta({ description: 'one or more, repeated or with commas' }),
  consumer: PlainText.min(1).max(255).optional(),
  aggregateId: Uuid.optional().meta({ description: 'those of one job' }),
  limit: Limit.meta({ description: `dead letters on a page; ${DEFAULT_PAGE_SIZE} when absent` }),
  cursor: Cursor,
  after: AfterQuery.shape.after,
  wait: AfterQuery.shape.wait,
});

/** Query of the list of messages without effect. */
export const VoidMessageListQuery = z.strictObject({
  kind: z.enum(['void', 'fenced']).optional(),
  limit: Limit.meta({ description: `messages on a page; ${DEFAULT_PAGE_SIZE} when absent` }),
  cursor: Cursor,
  after: AfterQuery.shape.after,
  wait: AfterQuery.shape.wait,
});
