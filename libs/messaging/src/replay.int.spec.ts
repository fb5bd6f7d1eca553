import { describe, expect, it, jest } from '@jest/globals';
import {
  DeadLetterDiscardedV1,
  DeadLetterReplayedV1,
  DeadLetterScorerParkedV1,
  DeadLetterScorerSettledV1,
  JobCancelRequestedV2,
  JobCompletedV1,
  type EventData,
} from '@anime/contracts';
import { deadLetterIdOf, deriveId, uuidv7, type JetStreamLog, type NewEvent } from '@anime/event-store';
import { eventsOf, testEvent } from '@anime/event-store/testing';
import { ProblemError } from '@anime/problem-details';
import { durableSettled, eventually } from '@anime/testing';
import { DONE, type ReactorRow } from './consumer-table.js';
import { DeadLetters } from './dead-letters.js';
import { defineReactor } from './define-reactor.js';
import { DURABLE, recorder, useReactorStudios, type Recorder, type ReactorStudio } from './testing/reactor-studio.js';

jest.setTimeout(30_000);
const studios = useReactorStudios();
const GONE = new ProblemError('blob-not-found', 'the picture is gone');

/** A reactor whose given-up events are dead letters; without further ado every event is given up at once. */
function worker(log: JetStreamLog, handle: ReactorRow['handle'], options: Partial<ReactorRow> = {}): Recorder {
  const letters = new DeadLetters({
    log,
    consumer: DURABLE,
    parked: DeadLetterScorerParkedV1,
    settled: DeadLetterScorerSettledV1,
    now: () => new Date().toISOString(),
  });
  return recorder(handle, {
    maxDeliveries: 1,
    backoffMs: [20],
    replays: letters,
    park: (event, error, deliveries) => letters.park(event, error, deliveries),
    ...options,
  });
}

const settled = async (studio: ReactorStudio): Promise<void> =>
  durableSettled(await studio.log.connected(), studio.stream, DURABLE);

/** An event that the worker of its studio gives up. */
async function givenUp(studio: ReactorStudio): Promise<{ event: NewEvent; letterId: string }> {
  const event = testEvent(JobCancelRequestedV2, uuidv7(), { reason: null });
  await studio.log.append(event);
  const letterId = deadLetterIdOf(DURABLE, event.id);
  await eventually(async () => (await eventsOf(studio.log, DeadLetterScorerParkedV1, letterId)).length > 0, {
    what: 'it is parked',
  });
  return { event, letterId };
}

async function replay(
  { log }: ReactorStudio,
  { event, letterId }: { readonly event: NewEvent; readonly letterId: string },
  changes: Partial<EventData<typeof DeadLetterReplayedV1>> = {},
): Promise<NewEvent<typeof DeadLetterReplayedV1>> {
  const { id: eventId, aggregateId } = event;
  const wish = { consumer: DURABLE, eventId, eventName: event.contract.name, aggregateId, ...changes };
  const replayed = testEvent(DeadLetterReplayedV1, letterId, wish);
  await log.append(replayed);
  return replayed;
}

/** The last answer of the consumer about a dead letter, once there are so many. */
async function answer({ log }: ReactorStudio, letterId: string, parkings = 1) {
  return eventually(
    async () => {
      const [settledBy] = await eventsOf(log, DeadLetterScorerSettledV1, letterId);
      const parked = await eventsOf(log, DeadLetterScorerParkedV1, letterId);
      return settledBy ?? (parked.length > parkings ? parked.at(-1) : undefined);
    },
    { what: 'the replay is answered' },
  );
}

describe('a replay', () => {
  it('hands the very event to its handler once more, and settles the dead letter', async () => {
    const studio = await studios();
    await studio.createDurable();
    let mended = false;
    const { row, handled } = worker(studio.log, async () => (mended ? DONE : { kind: 'retry', error: GONE }));
    studio.serve([row]);
    const letter = await givenUp(studio);
    mended = true;
    const wish = await replay(studio, letter);
    expect(await answer(studio, letter.letterId)).toMatchObject({
      id: deriveId(wish.id, 'settled', DURABLE),
      causationId: wish.id,
      data: { consumer: DURABLE, eventId: letter.event.id, replayId: wish.id, outcome: 'handled' },
    });
    expect(handled.map(({ position }) => position)).toEqual([1, 1]);
    await settled(studio);
  });

  it('that fails again, tried as often as any event, opens the dead letter again under another id', async () => {
    const studio = await studios();
    await studio.createDurable();
    const { row, handled } = worker(studio.log, async () => ({ kind: 'retry', error: GONE }), { maxDeliveries: 3 });
    studio.serve([row]);
    const letter = await givenUp(studio);
    const first = await replay(studio, letter);
    expect(await answer(studio, letter.letterId)).toMatchObject({
      id: deriveId(first.id, 'parked', DURABLE),
      causationId: first.id,
      data: { error: { code: 'blob-not-found' }, deliveries: 3, eventName: 'job.cancel-requested.v2' },
    });
    const second = await replay(studio, letter);
    expect(await answer(studio, letter.letterId, 2)).toMatchObject({ causationId: second.id });
    expect(handled).toHaveLength(9);
  });

  it('of an event that is no longer current does nothing, and says so', async () => {
    const studio = await studios();
    await studio.createDurable();
    let current = true;
    const { row, handled } = worker(studio.log, async () => ({ kind: 'park', error: GONE }), {
      isCurrent: async () => current,
    });
    studio.serve([row]);
    const letter = await givenUp(studio);
    current = false;
    await replay(studio, letter);
    expect(await answer(studio, letter.letterId)).toMatchObject({ data: { outcome: 'not-current' } });
    expect(handled).toHaveLength(1);
  });

  it('for another consumer, or after a discard or a newer wish, is nobody else’s and nothing any more', async () => {
    const studio = await studios();
    await studio.createDurable();
    const { row, handled } = worker(studio.log, async () => ({ kind: 'park', error: GONE }));
    const first = studio.serve([row]);
    const letters = [await givenUp(studio), await givenUp(studio), await givenUp(studio)] as const;
    await first.close();
    const others = await replay(studio, letters[0], { consumer: 'somebody-else' });
    await replay(studio, letters[1]);
    await studio.log.append(testEvent(DeadLetterDiscardedV1, letters[1].letterId, { reason: null }));
    await replay(studio, letters[2]);
    const newest = await replay(studio, letters[2]);
    studio.serve([worker(studio.log, row.handle).row], { log: await studio.open() });
    expect(await answer(studio, letters[2].letterId)).toMatchObject({ causationId: newest.id });
    await settled(studio);
    expect(others.aggregateId).toBe(letters[0].letterId);
    for (const { letterId } of letters.slice(0, 2))
      expect(await eventsOf(studio.log, DeadLetterScorerParkedV1, letterId)).toHaveLength(1);
    expect(await eventsOf(studio.log, DeadLetterScorerParkedV1, letters[2].letterId)).toHaveLength(2);
    expect(handled).toHaveLength(4);
  });

  it.each([
    ['that is not in the log', { eventId: uuidv7() }, 'event-missing', /no valid job\.cancel-requested\.v2 with id/],
    ['of a type that it has no handler for', { eventName: JobCompletedV1.name }, 'event-unhandled', /no handler for/],
  ])('of an event %s comes to a clear end', async (_what, changes, code, message) => {
    const studio = await studios();
    await studio.createDurable();
    const { row, handled } = worker(studio.log, async () => ({ kind: 'park', error: GONE }), { maxDeliveries: 9 });
    studio.serve([row]);
    const letter = await givenUp(studio);
    await replay(studio, letter, changes);
    expect(await answer(studio, letter.letterId)).toMatchObject({
      data: { error: { code, message: expect.stringMatching(message) }, deliveries: 1 },
    });
    await settled(studio);
    expect(handled).toHaveLength(1);
  });

  it('waits its turn behind its event, should that be handled just then', async () => {
    const studio = await studios();
    await studio.createDurable();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    let running = 0;
    let most = 0;
    const { row, handled } = worker(studio.log, async () => {
      running += 1;
      most = Math.max(most, running);
      await gate;
      running -= 1;
      return DONE;
    });
    studio.serve([row]);
    const event = testEvent(JobCancelRequestedV2, uuidv7(), { reason: null });
    await studio.log.append(event);
    await replay(studio, { event, letterId: deadLetterIdOf(DURABLE, event.id) });
    const other = testEvent(JobCancelRequestedV2, uuidv7(), { reason: null });
    await studio.log.append(other);
    // The other event lies behind the replay in the log: once it runs, the replay had its chance.
    await eventually(() => handled.length === 2, { what: 'the event and the other one run' });
    expect(handled.map(({ position }) => position).sort((a, b) => a - b)).toEqual([1, 3]);
    open();
    await settled(studio);
    expect(most).toBe(2);
    expect(handled.map(({ position }) => position).sort((a, b) => a - b)).toEqual([1, 1, 3]);
  });

  it('has one effect where two processes share the durable', async () => {
    const studio = await studios();
    await studio.createDurable();
    let mended = false;
    const handle: ReactorRow['handle'] = async () => (mended ? DONE : { kind: 'park', error: GONE });
    const logs = [await studio.open(), await studio.open()];
    const workers = logs.map((log) => worker(log, handle));
    for (const [n, { row }] of workers.entries()) studio.serve([row], { log: logs[n] ?? studio.log });
    const letters = await Promise.all(Array.from({ length: 6 }, () => givenUp(studio)));
    mended = true;
    await Promise.all(letters.map((letter) => replay(studio, letter)));
    for (const { letterId } of letters) await answer(studio, letterId);
    await settled(studio);
    for (const { letterId } of letters)
      expect(await eventsOf(studio.log, DeadLetterScorerSettledV1, letterId)).toHaveLength(1);
    expect(workers.flatMap(({ handled }) => handled)).toHaveLength(12);
  });

  it('is refused in a table whose row has an order', () => {
    const row = recorder().row;
    const { row: replays } = worker(undefined as unknown as JetStreamLog, async () => DONE);
    expect(() => defineReactor({ ...row, ...replays, orderingKey: (event) => event.aggregateId })).toThrow(
      'worker has an order, which a replay would break',
    );
  });
});
