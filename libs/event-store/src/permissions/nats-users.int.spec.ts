import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  CATALOGUE,
  EVENTS_ROOT,
  EVENTS_STREAM,
  eventFilter,
  EXECUTOR_ACK_WAIT_MS,
  executorDurable,
  executorFilter,
  JobCancelRequestedV1,
  LOG_READERS,
  logReaderName,
  ORGANIZER_DURABLE,
  SCORER_DURABLE,
  SERVICES,
  type ServiceName,
} from '@anime/contracts';
import { eventually, useNats } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream, jetstreamManager, type JetStreamManager, type JsMsg } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { uuidv7 } from '../ids.js';
import { connectionOptions } from '../jetstream/connection-options.js';
import { openLog, type JetStreamLog } from '../jetstream/jetstream-log.js';
import { createDurable, provision } from '../provision/provision.js';
import { listDurables } from '../provision/list-durables.js';
import { KEY_USE_BUCKET, LEASES_BUCKET } from '../provision/settings.js';
import { testEvent } from '../testing/test-event.js';
import { natsUrlFor, quoted, renderNatsUsers } from './nats-users.js';
import { PROVISION_USER, studioRights, type UserRights } from './user-rights.js';

const EXECUTOR = uuidv7();
const ADDED_LATER = uuidv7();
/** Looks at what became of the others' attempts. */
const OPERATOR: UserRights = { user: 'operator', publish: ['>'], subscribe: ['>'] };
const passwordOf = (user: string): string => `p/${user} "?"`;
const configuration = (...executorIds: string[]): string =>
  renderNatsUsers([...studioRights({ executorIds }), OPERATOR], (user) => quoted(passwordOf(user)));

const nats = useNats({ extraConfig: configuration(EXECUTOR) });
const opened: { close(): Promise<void> }[] = [];
let url: string;
let manager: JetStreamManager;

async function as(user: string): Promise<NatsConnection> {
  const nc = await connect(connectionOptions({ natsUrl: natsUrlFor(url, user, passwordOf(user)), name: user }));
  opened.push(nc);
  return nc;
}

function logOf(user: string, onDenied?: (reason: string) => void): JetStreamLog {
  const natsUrl = natsUrlFor(url, user, passwordOf(user));
  const log = openLog({ natsUrl, name: user, ...(onDenied === undefined ? {} : { onDenied }) });
  opened.push(log);
  return log;
}

/** How NATS answers a request: the error of JetStream, `refused` when it does not let it through, or `done`. */
async function ask(nc: NatsConnection, subject: string, body?: object): Promise<string> {
  try {
    const reply = await nc.request(subject, body === undefined ? '' : JSON.stringify(body), { timeout: 3_000 });
    const { error } = reply.json<{ error?: { description: string } }>();
    return error?.description ?? 'done';
  } catch (error) {
    return error instanceof Error && error.message.includes('Permissions Violation') ? 'refused' : String(error);
  }
}

/** All that others than its owner may try on a consumer. */
const onConsumer = (name: string): readonly [string, object?][] => {
  const change = { name, durable_name: name, ack_policy: 'explicit', deliver_policy: 'all', max_ack_pending: 1 };
  const request = { stream_name: EVENTS_STREAM, config: change, action: '' };
  return [
    [`$JS.API.CONSUMER.CREATE.${EVENTS_STREAM}.${name}`, request],
    [`$JS.API.CONSUMER.DURABLE.CREATE.${EVENTS_STREAM}.${name}`, request],
    [`$JS.API.CONSUMER.CREATE.${EVENTS_STREAM}`, { ...request, config: { ...change, durable_name: undefined } }],
    [`$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.${name}`, { batch: 1, no_wait: true }],
    [`$JS.API.CONSUMER.PAUSE.${EVENTS_STREAM}.${name}`, { pause_until: '2100-01-01T00:00:00Z' }],
    [`$JS.API.CONSUMER.DELETE.${EVENTS_STREAM}.${name}`],
  ];
};

/** The durable of the scorer with a short ack wait, and a log that can put events before it. */
async function createWaiting(): Promise<JetStreamLog> {
  const { name } = SCORER_DURABLE;
  await manager.consumers.delete(EVENTS_STREAM, name);
  await createDurable(name, { nc: await as(OPERATOR.user), from: 'now', ackWaitMs: 1_000 });
  return logOf('gateway');
}

/** Where a message is acknowledged. */
function ackSubject(message: JsMsg): string {
  const { info } = message;
  const place = [info.deliveryCount, info.streamSequence, info.deliverySequence, info.timestampNanos, info.pending];
  return ['$JS.ACK', info.stream, info.consumer, ...place].join('.');
}

beforeAll(async () => {
  ({ url } = await nats.server());
  manager = await jetstreamManager(await as(OPERATOR.user));
  await provision({ natsUrl: natsUrlFor(url, PROVISION_USER, passwordOf(PROVISION_USER)) });
});
afterAll(async () => {
  await Promise.allSettled(opened.map((each) => each.close()));
});

describe("NATS with the studio's users", () => {
  it('lets provision prepare and list, though nothing else', async () => {
    const natsUrl = natsUrlFor(url, PROVISION_USER, passwordOf(PROVISION_USER));
    expect((await provision({ natsUrl })).created).toEqual([]);
    expect(await createDurable('spare', { natsUrl, from: 'now' })).toBe(true);
    expect((await listDurables({ natsUrl })).map(({ name, state }) => [name, state])).toEqual([
      [SCORER_DURABLE.name, 'present'],
      [ORGANIZER_DURABLE.name, 'present'],
      ['spare', 'present'],
    ]);
    const nc = await as(PROVISION_USER);
    expect(await ask(nc, `$JS.API.STREAM.DELETE.${EVENTS_STREAM}`)).toBe('refused');
    expect(await ask(nc, `anime.job.${uuidv7()}.gateway`)).toBe('refused');
  });

  it('knows nobody without a password, or with a wrong one', async () => {
    const stranger = connectionOptions({ natsUrl: url, name: 'stranger' });
    const liar = connectionOptions({ natsUrl: natsUrlFor(url, 'gateway', 'x'), name: 'liar' });
    for (const options of [stranger, liar]) await expect(connect(options)).rejects.toThrow(/Authorization Violation/);
    const log = openLog({ natsUrl: url, name: 'stranger' });
    opened.push(log);
    await eventually(() => /does not take this user and password.*NATS_URL/.test(log.state().reason ?? ''), {
      what: 'the log says why it is not connected',
    });
  });

  it.each(SERVICES)("lets %s store its own events, and no other service's", async (service) => {
    const nc = await as(service);
    const js = jetstream(nc);
    for (const contract of CATALOGUE.contracts) {
      const subject = eventFilter(EVENTS_ROOT, contract).replaceAll('*', uuidv7());
      const stored = js.publish(subject, '{}').then(
        () => true,
        (error: Error) => {
          expect(error.message).toContain('Permissions Violation');
          return false;
        },
      );
      expect([subject, await stored]).toEqual([subject, contract.producer === service]);
    }
  });

  it.each(SERVICES)('lets %s neither remove, empty, change nor make a stream', async (service) => {
    const nc = await as(service);
    const before = await manager.streams.info(EVENTS_STREAM, { deleted_details: true });
    const config = { ...before.config, max_msgs: 1 };
    expect(await ask(nc, `$JS.API.STREAM.DELETE.${EVENTS_STREAM}`)).toBe('refused');
    expect(await ask(nc, `$JS.API.STREAM.PURGE.${EVENTS_STREAM}`)).toBe('refused');
    expect(await ask(nc, `$JS.API.STREAM.MSG.DELETE.${EVENTS_STREAM}`, { seq: 1 })).toBe('refused');
    expect(await ask(nc, `$JS.API.STREAM.UPDATE.${EVENTS_STREAM}`, config)).toBe('refused');
    expect(await ask(nc, '$JS.API.STREAM.CREATE.MINE', { name: 'MINE', subjects: ['mine'] })).toBe('refused');
    const after = await manager.streams.info(EVENTS_STREAM, { deleted_details: true });
    expect([after.config, after.state, after.created]).toEqual([before.config, before.state, before.created]);
  });

  it.each(SERVICES)('lets %s neither make, change, read nor remove a durable of another', async (service) => {
    const nc = await as(service);
    const others = [SCORER_DURABLE, ORGANIZER_DURABLE].filter((durable) => durable.service !== service);
    const readers = LOG_READERS.filter((reader) => reader !== service).map((reader) => logReaderName(reader, 1));
    for (const name of [...others.map((durable) => durable.name), ...readers, executorDurable(ADDED_LATER)]) {
      for (const [subject, body] of onConsumer(name)) {
        expect([subject, await ask(nc, subject, body)]).toEqual([subject, 'refused']);
      }
    }
    for (const { name } of others) {
      const { config, paused } = await manager.consumers.info(EVENTS_STREAM, name);
      expect([name, config.max_ack_pending, paused === true]).toEqual([name, 1_000, false]);
    }
  });

  it.each<ServiceName>([...LOG_READERS])(
    'lets %s read the log, but not by a consumer that is a durable',
    async (service) => {
      const log = logOf(service);
      const end = await log.end();
      let seen = 0;
      for await (const { position } of log.read({ after: 0, to: end })) seen = position;
      expect(seen).toBe(end);
      expect(end).toBeGreaterThan(0);
      // Under a name that it may use, the request cannot mean another consumer.
      const config = { durable_name: SCORER_DURABLE.name, ack_policy: 'explicit', max_ack_pending: 1 };
      const create = `$JS.API.CONSUMER.CREATE.${EVENTS_STREAM}.${logReaderName(service, 2)}`;
      const nc = await as(service);
      expect(await ask(nc, create, { stream_name: EVENTS_STREAM, config, action: 'update' })).toMatch(/does not match/);
      expect((await manager.consumers.info(EVENTS_STREAM, SCORER_DURABLE.name)).config.max_ack_pending).toBe(1_000);
    },
  );

  it("takes an acknowledgement from the durable's own service alone: else the event is handed out again", async () => {
    await (await createWaiting()).append(testEvent(JobCancelRequestedV1, uuidv7(), {}));
    const scorer = await as('quality-scorer');
    const consumer = await jetstream(scorer).consumers.get(EVENTS_STREAM, SCORER_DURABLE.name);
    const take = async (): Promise<JsMsg> => {
      const message = await consumer.next({ expires: 10_000 });
      if (message === null) throw new Error('nothing was handed out');
      return message;
    };
    const unacknowledged = async (): Promise<number> =>
      (await manager.consumers.info(EVENTS_STREAM, SCORER_DURABLE.name)).num_ack_pending;
    const given = await take();
    for (const service of SERVICES.filter((name) => name !== 'quality-scorer')) {
      expect([service, await ask(await as(service), ackSubject(given), undefined)]).toEqual([service, 'refused']);
    }
    expect(await unacknowledged()).toBe(1);
    const again = await take();
    expect([again.seq, again.redelivered]).toEqual([given.seq, true]);
    expect(await again.ackAck()).toBe(true);
    expect(await unacknowledged()).toBe(0);
  });

  it('keeps the answers to a service from all others', async () => {
    for (const service of SERVICES) {
      const nc = await as(service);
      for (const subject of ['>', '_INBOX.>', '_INBOX.provision.>', 'anime.>', 'anime.job.*.gateway']) {
        const { promise: refused, resolve } = Promise.withResolvers<string>();
        nc.subscribe(subject, { callback: (error) => resolve(error === null ? 'heard' : error.name) });
        expect([service, subject, await refused]).toEqual([service, subject, 'PermissionViolationError']);
      }
    }
  });

  it('lets each write the keys of its own only', async () => {
    const keys: readonly [string, ServiceName][] = [
      [`$KV.${LEASES_BUCKET}.orchestrator`, 'orchestrator'],
      [`$KV.${LEASES_BUCKET}.executor-${EXECUTOR}`, 'comfyui-executor'],
      [`$KV.${KEY_USE_BUCKET}.some-key`, 'gateway'],
    ];
    for (const service of SERVICES) {
      const nc = await as(service);
      for (const [key, owner] of keys)
        expect([service, key, await ask(nc, key)]).toEqual([service, key, service === owner ? 'done' : 'refused']);
    }
  });

  it.each(['all', 'sub'])(
    'lets nobody empty a bucket by a header on a key of its own: Nats-Rollup %s',
    async (rollup) => {
      const buckets = [LEASES_BUCKET, KEY_USE_BUCKET];
      const [operator, executor, gateway] = await Promise.all([OPERATOR.user, 'comfyui-executor', 'gateway'].map(as));
      for (const bucket of buckets) await ask(operator!, `$KV.${bucket}.of-another`);
      const header = headers();
      header.set('Nats-Rollup', rollup);
      const sent = { headers: header, timeout: 3_000 };
      const keys: readonly [NatsConnection, string][] = [
        [executor!, `$KV.${LEASES_BUCKET}.executor-${EXECUTOR}`],
        [gateway!, `$KV.${KEY_USE_BUCKET}.some-key`],
      ];
      for (const [nc, key] of keys) {
        const answer = (await nc.request(key, '', sent)).json<{ error?: { description: string } }>();
        expect(answer.error?.description).toContain('rollup not permitted');
      }
      for (const bucket of buckets) {
        const kept = await manager.streams.getMessage(`KV_${bucket}`, { last_by_subj: `$KV.${bucket}.of-another` });
        expect(kept).not.toBeNull();
      }
    },
  );
});

describe('a right that is missing', () => {
  it('is a clear error at once, says what to do, and is shown as long as it lasts; nothing is stored', async () => {
    const said: string[] = [];
    const log = logOf('progress-relay', (reason) => said.push(reason));
    await log.connected();
    expect(log.refusal()).toBeNull();
    const end = await log.end();
    const append = log.append(testEvent(JobCancelRequestedV1, uuidv7(), {}));
    await expect(append).rejects.toMatchObject({
      code: 'log-unavailable',
      message: expect.stringMatching(
        /does not permit this user to publish to anime\.job\..*gateway.*nats-users(?!.*may be stored)/,
      ),
    });
    expect(log.refusal()).toMatch(/does not permit/);
    expect(said).toEqual([log.refusal()]);
    expect(await log.end()).toBe(end);
  });

  it('is also heard of where no answer is awaited: a message that is not stored, a subscription', async () => {
    const log = logOf('gateway');
    const nc = await log.connected();
    nc.publish(`anime-live.executor.${EXECUTOR}.heartbeat`, '{}');
    await eventually(() => log.refusal()?.includes('heartbeat') === true, { what: 'the refusal is known' });
    const other = logOf('gateway');
    (await other.connected()).subscribe('anime.>', { callback: () => undefined });
    await eventually(() => /subscribe to anime\.>/.test(other.refusal() ?? ''), { what: 'the refusal is known' });
  });

  it('is there after the users were written anew and the server has read them, without a restart of the service', async () => {
    const log = logOf('comfyui-executor');
    const make = async (): Promise<boolean> =>
      createDurable(executorDurable(ADDED_LATER), {
        nc: await log.connected(),
        from: 'start',
        filterSubject: executorFilter(EVENTS_ROOT, ADDED_LATER),
        ackWaitMs: EXECUTOR_ACK_WAIT_MS,
      });
    await expect(make()).rejects.toThrow(/does not permit.*nats-users/);
    const server = await nats.server();
    const file = path.join(server.dataDir, 'nats-server.conf');
    const users = readFileSync(file, 'utf8').replace(configuration(EXECUTOR), configuration(EXECUTOR, ADDED_LATER));
    writeFileSync(file, users);
    process.kill(server.pid, 'SIGHUP');
    expect(await eventually(make, { what: 'the durable is made', intervalMs: 100 })).toBe(true);
    await eventually(() => log.refusal() === null, { what: 'the refusal is forgotten', intervalMs: 200 });
  });
});
