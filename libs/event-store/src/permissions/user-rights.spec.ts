import {
  CATALOGUE,
  createCatalogue,
  defineEvent,
  DURABLES,
  EVENTS_ROOT,
  EVENTS_STREAM,
  eventSubject,
  EXECUTOR_ORDERS,
  executorDurable,
  executorFilter,
  LOG_READERS,
  logReaderName,
  MESSAGE_CONTRACTS,
  PROGRESS_STREAM,
  SERVICES,
  type ServiceName,
} from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { BLOBS_BUCKET, KEY_USE_BUCKET, LEASES_BUCKET } from '../provision/settings.js';
import { mayPublish, maySubscribe } from '../testing/may.js';
import { PROVISION_USER, studioRights, type UserRights } from './user-rights.js';

const MINE = '0199f0f0-0000-5000-8000-000000000001';
const FOREIGN = '0199f0f0-0000-5000-8000-000000000002';
const RIGHTS = studioRights({ executorIds: [MINE] });
const uuid = fc.uuid().map((id) => id.toLowerCase());
const service = fc.constantFrom(...SERVICES);

function of(user: string, rights: readonly UserRights[] = RIGHTS): UserRights {
  const found = rights.find((each) => each.user === user);
  if (found === undefined) throw new Error(`there is no user ${user}`);
  return found;
}

/** Users that may publish there. */
function writers(subject: string): string[] {
  return RIGHTS.filter((rights) => mayPublish(rights, subject)).map(({ user }) => user);
}

describe("the rights of NATS's users", () => {
  it('let every event be published by its producer and by nobody else', () => {
    fc.assert(
      fc.property(fc.constantFrom(...CATALOGUE.contracts), uuid, uuid, service, (contract, id, executorId, other) => {
        const subject = eventSubject(EVENTS_ROOT, contract, id, { executorId });
        expect(mayPublish(of(contract.producer), subject)).toBe(true);
        expect([other, mayPublish(of(other), subject)]).toEqual([other, other === contract.producer]);
        expect(mayPublish(of(PROVISION_USER), subject)).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  it('follow the catalogue: an event that is new there is its producer’s to publish', () => {
    const JobPraisedV1 = defineEvent({
      type: 'workflow.praised',
      version: 1,
      aggregate: 'workflow',
      producer: 'file-organizer',
      description: 'a fixture of the tests',
      data: z.strictObject({}),
    });
    const subject = eventSubject(EVENTS_ROOT, JobPraisedV1, MINE, {});
    const catalogue = createCatalogue([...CATALOGUE.contracts, JobPraisedV1], [...CATALOGUE.upcasters.values()]);
    expect(mayPublish(of('file-organizer'), subject)).toBe(false);
    expect(mayPublish(of('file-organizer', studioRights({ executorIds: [], catalogue })), subject)).toBe(true);
  });

  it('let an event be published on its own subject only: no other form, no root, no deeper token', () => {
    for (const contract of EXECUTOR_ORDERS) {
      const subject = eventSubject(EVENTS_ROOT, contract, MINE, { executorId: MINE });
      expect(writers(subject)).toEqual(['orchestrator']);
      expect(writers(`${subject}.more`)).toEqual([]);
    }
    for (const subject of [
      'anime',
      'anime.job',
      `anime.job.${MINE}`,
      `anime.job.${MINE}.nobody`,
      `anime.song.${MINE}.gateway`,
    ])
      expect([subject, writers(subject)]).toEqual([subject, []]);
  });

  it('let every message that is not in the log be sent by its producer only, a status by each in its own name', () => {
    for (const { subject, producer } of MESSAGE_CONTRACTS) {
      for (const name of SERVICES) {
        const place = subject.replace('{service}', name).replaceAll(/\{\w+\}/g, MINE);
        expect([place, writers(place)]).toEqual([place, [producer === 'each' ? name : producer]]);
      }
    }
  });

  it('let nobody but provision make, change or remove streams, and nobody at all delete, purge or rewrite them', () => {
    for (const stream of [EVENTS_STREAM, PROGRESS_STREAM, `KV_${LEASES_BUCKET}`, 'ANYTHING']) {
      for (const verb of ['CREATE', 'UPDATE'])
        expect(writers(`$JS.API.STREAM.${verb}.${stream}`)).toEqual([PROVISION_USER]);
      for (const verb of ['DELETE', 'PURGE', 'MSG.DELETE', 'RESTORE', 'SNAPSHOT', 'PEER.REMOVE', 'LEADER.STEPDOWN'])
        expect([verb, writers(`$JS.API.STREAM.${verb}.${stream}`)]).toEqual([verb, []]);
    }
  });

  it('let nobody read by direct get, whose answer could be made to look like another service’s event', () => {
    for (const subject of [
      `$JS.API.DIRECT.GET.${EVENTS_STREAM}`,
      `$JS.API.DIRECT.GET.${EVENTS_STREAM}.anime.job.${MINE}.gateway`,
    ])
      expect(writers(subject)).toEqual([]);
  });

  it('give a durable to its service alone: messages and acknowledgements; provision alone makes and removes it', () => {
    for (const { name, service: owner } of DURABLES) {
      expect(writers(`$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.${name}`)).toEqual([owner]);
      expect(writers(`$JS.ACK.${EVENTS_STREAM}.${name}.1.2.3.4.5`)).toEqual([owner]);
      for (const form of ['CREATE', 'DURABLE.CREATE', 'DELETE', 'PAUSE', 'RESET', 'UNPIN', 'LEADER.STEPDOWN'])
        expect([form, ['CREATE', 'DELETE'].includes(form) ? [PROVISION_USER] : []]).toEqual([
          form,
          writers(`$JS.API.CONSUMER.${form}.${EVENTS_STREAM}.${name}`),
        ]);
    }
    // The name-less subject takes the name from the request: whoever has it may change any durable.
    expect(writers(`$JS.API.CONSUMER.CREATE.${EVENTS_STREAM}`)).toEqual([]);
  });

  it('let the executor make the durables of its own executors, with their own filter, and nothing else', () => {
    const create = (id: string, filter: string): string =>
      `$JS.API.CONSUMER.CREATE.${EVENTS_STREAM}.${executorDurable(id)}.${filter}`;
    const makers = [PROVISION_USER, 'comfyui-executor'].toSorted();
    expect(writers(create(MINE, executorFilter(EVENTS_ROOT, MINE))).toSorted()).toEqual(makers);
    for (const subject of [
      create(MINE, executorFilter(EVENTS_ROOT, FOREIGN)),
      create(FOREIGN, executorFilter(EVENTS_ROOT, FOREIGN)),
    ])
      expect(writers(subject)).toEqual([PROVISION_USER]);
    expect(writers(`$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.${executorDurable(MINE)}`)).toEqual([
      'comfyui-executor',
    ]);
    expect(writers(`$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.${executorDurable(FOREIGN)}`)).toEqual([]);
  });

  it('let the services that read the log make consumers under their own names only', () => {
    const owners = SERVICES.map((owner): [ServiceName, string[]] => {
      const name = logReaderName(owner, 1);
      const verbs = ['CREATE', 'MSG.NEXT', 'DELETE'].map((verb) => `$JS.API.CONSUMER.${verb}.${EVENTS_STREAM}.${name}`);
      return [owner, [...new Set(verbs.flatMap(writers))].filter((user) => user !== PROVISION_USER)];
    });
    for (const [owner, users] of owners)
      expect([owner, users]).toEqual([owner, LOG_READERS.includes(owner) ? [owner] : []]);
  });

  it('let each receive its own answers, and the messages that all may hear, but no event and no answer to another', () => {
    fc.assert(
      fc.property(service, service, (reader, other) => {
        expect(maySubscribe(of(reader), `_INBOX.${other}.x.1`)).toBe(reader === other);
      }),
    );
    for (const rights of RIGHTS) {
      for (const subject of [
        '>',
        '*.>',
        '_INBOX.>',
        '_INBOX.*.>',
        'anime.>',
        `anime.job.${MINE}.gateway`,
        '$JS.>',
        '$KV.>',
      ])
        expect([rights.user, subject, maySubscribe(rights, subject)]).toEqual([rights.user, subject, false]);
    }
    expect(maySubscribe(of('gateway'), 'anime-live.executor.*.heartbeat')).toBe(true);
  });

  it('let a lease be written by whoever it is for, and the last use of keys by the gateway', () => {
    expect(writers(`$KV.${LEASES_BUCKET}.orchestrator`)).toEqual(['orchestrator']);
    expect(writers(`$KV.${LEASES_BUCKET}.executor-${MINE}`)).toEqual(['comfyui-executor']);
    expect(writers(`$KV.${LEASES_BUCKET}.executor-${FOREIGN}`)).toEqual([]);
    expect(writers(`$KV.${KEY_USE_BUCKET}.some-key`)).toEqual(['gateway']);
    expect(writers(`$JS.API.STREAM.MSG.GET.KV_${KEY_USE_BUCKET}`)).toEqual(['gateway']);
  });

  it('let blobs be stored and cleaned up by who writes them, read by who reads them, and by nobody else', () => {
    const stream = `OBJ_${BLOBS_BUCKET}`;
    const makers = ['gateway', 'orchestrator', 'comfyui-executor'];
    const users = [...makers, 'quality-scorer', 'file-organizer'];
    for (const kind of ['C', 'M', 'U']) expect(writers(`$O.${BLOBS_BUCKET}.${kind}.one`)).toEqual(makers);
    expect(writers(`$JS.API.STREAM.PURGE.${stream}`)).toEqual(makers);
    expect(writers(`$JS.API.STREAM.MSG.GET.${stream}`)).toEqual(users);
    expect(writers(`$JS.API.CONSUMER.CREATE.${stream}.any-name.$O.${BLOBS_BUCKET}.C.upload`)).toEqual(users);
    expect(writers(`$JS.API.CONSUMER.CREATE.${stream}.any-name`)).toEqual([]);
    expect(writers(`$JS.API.STREAM.DELETE.${stream}`)).toEqual([]);
  });
});
