import {
  DeadLetterDiscardedV1,
  DeadLetterOrganizerParkedV1,
  DeadLetterOrganizerSettledV1,
  DeadLetterReplayedV1,
  DeadLetterScorerParkedV1,
  DeadLetterScorerSettledV1,
  JobExecutedV2,
  type EventContract,
  type EventData,
} from '@anime/contracts';
import { deadLetterIdOf, deriveId, type NewEvent } from '@anime/event-store';

const PERSON = '00000000-0000-5000-8000-0000000000a1';
const START_OF_TIME = Date.parse('2026-01-01T00:00:00.000Z');

/** The events of one dead letter, each in its usual place; told twice they are the same events. */
export function letterEvents(eventId: string, consumer: 'quality-scorer' | 'file-organizer') {
  const id = deadLetterIdOf(consumer, eventId);
  const scorer = consumer === 'quality-scorer';
  const parkedContract = scorer ? DeadLetterScorerParkedV1 : DeadLetterOrganizerParkedV1;
  const settledContract = scorer ? DeadLetterScorerSettledV1 : DeadLetterOrganizerSettledV1;
  const givenUp = { consumer, eventId, eventName: JobExecutedV2.name, aggregateId: deriveId(eventId, 'job') };
  let second = 0;
  const event = <C extends EventContract>(contract: C, data: EventData<C>, causationId: string): NewEvent<C> => ({
    contract,
    aggregateId: id,
    data,
    id: deriveId(id, contract.name, causationId),
    time: new Date(START_OF_TIME + (second += 1) * 1_000).toISOString(),
    correlationId: eventId,
    causationId,
    actor: contract.producer === 'gateway' ? PERSON : `service:${contract.producer}`,
  });
  const error = { code: 'blob-not-found', message: 'it is gone: \uD800' };
  const replayed = (n: number): NewEvent<typeof DeadLetterReplayedV1> =>
    event(DeadLetterReplayedV1, givenUp, deriveId(id, 'wish', String(n)));
  return {
    id,
    givenUp,
    parked: event(parkedContract, { ...givenUp, error, deliveries: 5 }, eventId),
    replayed,
    parkedAgain: (n: number) =>
      event(
        parkedContract,
        { ...givenUp, error: { code: 'internal', message: `again ${n}` }, deliveries: n },
        replayed(n).id,
      ),
    settled: (n: number) =>
      event(settledContract, { consumer, eventId, replayId: replayed(n).id, outcome: 'handled' }, replayed(n).id),
    discarded: event(DeadLetterDiscardedV1, { reason: null }, deriveId(id, 'wish', 'discard')),
  };
}

/** Every event that a dead letter can have, in the stories of three. */
export function sampleLetters(name: string): NewEvent[] {
  const of = (n: number, consumer: 'quality-scorer' | 'file-organizer') =>
    letterEvents(deriveId(PERSON, name, String(n)), consumer);
  const [scored, filed, discarded] = [of(1, 'quality-scorer'), of(2, 'file-organizer'), of(3, 'quality-scorer')];
  return [
    scored.parked,
    filed.parked,
    discarded.parked,
    scored.replayed(1),
    scored.parkedAgain(1),
    filed.replayed(1),
    discarded.discarded,
    scored.replayed(2),
    scored.settled(2),
    filed.settled(1),
  ];
}
