import { readdir, rm } from 'node:fs/promises';
import {
  DeadLetterDiscardedV1,
  DeadLetterReplayedV1,
  DeadLetterScorerParkedV1,
  DeadLetterScorerSettledV1,
  JobFailedV1,
  JobRequestedV1,
  type JobExecutedV2,
} from '@anime/contracts';
import { deadLetterIdOf, uuidv7, type NewEvent } from '@anime/event-store';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { eventsOf, executedAttempt, executedOutput, testEvent } from '@anime/event-store/testing';
import { eventually, useNats } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startOwnGateway, startTestGateway, type Answer, type OwnGateway } from './testing/test-gateway.js';

const LIST = '/api/anime/dead-letters';
const NOWHERE = 'postgres://nobody:nothing@127.0.0.1:1/nothing';
const check = new AnswerCheck();
const nats = useNats();
let gateway: OwnGateway;

beforeAll(async () => {
  gateway = await startOwnGateway(nats, { check });
});
afterAll(async () => gateway[Symbol.asyncDispose]());

interface Letter {
  readonly id: string;
  readonly path: string;
  readonly executed: NewEvent<typeof JobExecutedV2>;
  readonly givenUp: { readonly consumer: string; eventId: string; eventName: string; aggregateId: string };
}

/** A job whose attempt the scorer gave up, as the scorer says it. */
async function parked(): Promise<Letter> {
  const executed = executedAttempt([executedOutput({ sha256: 'a'.repeat(64), size: 3 })]);
  const { aggregateId } = executed;
  await gateway.log.append(
    testEvent(JobRequestedV1, aggregateId, {
      type: 'image',
      template: { id: 'text-to-image', version: 1 },
      parameters: {},
      seed: 1,
      seedSource: 'given',
      project: null,
    }),
  );
  await gateway.log.append(executed);
  const id = deadLetterIdOf('quality-scorer', executed.id);
  const givenUp = { consumer: 'quality-scorer', eventId: executed.id, eventName: 'job.executed.v1', aggregateId };
  const error = { code: 'blob-not-found', message: 'the picture is gone' };
  await gateway.log.append(
    testEvent(DeadLetterScorerParkedV1, id, { ...givenUp, error, deliveries: 5 }, { causationId: executed.id }),
  );
  return { id, path: `${LIST}/${id}`, executed, givenUp };
}

async function settle({ id, givenUp }: Letter): Promise<void> {
  const [replay] = await eventsOf(gateway.log, DeadLetterReplayedV1, id);
  await gateway.log.append(
    testEvent(DeadLetterScorerSettledV1, id, {
      consumer: givenUp.consumer,
      eventId: givenUp.eventId,
      replayId: replay?.id ?? '',
      outcome: 'handled',
    }),
  );
}

const replay = ({ path }: Letter): Promise<Answer> => gateway.send('POST', `${path}/replay`);
const discard = ({ path }: Letter, body?: object): Promise<Answer> =>
  gateway.send('POST', `${path}/discard`, body === undefined ? {} : { body });

async function putGarbage(subject: string): Promise<number> {
  const connection = await nats.connection();
  connection.publish(subject, 'garbage');
  await connection.flush();
  return gateway.log.end();
}

describe('a dead letter', () => {
  it('is listed, and shown with its event, its trail and what to do next', async () => {
    const letter = await parked();
    const list = await gateway.send('GET', `${LIST}?state=open&after=${await gateway.log.end()}`);
    expect(list.body['deadLetters']).toContainEqual(
      expect.objectContaining({
        id: letter.id,
        state: 'open',
        error: { code: 'blob-not-found', message: 'the picture is gone' },
      }),
    );
    const { status, body } = await gateway.send('GET', letter.path);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      state: 'open',
      deliveries: 5,
      explanation: expect.stringMatching(
        /gave up job\.executed\.v1: the picture is gone.*replay it, or discard it.*The job has not ended/,
      ),
      event: { id: letter.executed.id, type: 'job.executed', data: { attempt: 1 } },
      discardReason: null,
      trail: [{ type: 'dead-letter.scorer-parked', data: letter.givenUp }],
    });
  });

  it('is replayed by an event that names what to handle; asked twice, also at once, there is one', async () => {
    const letter = await parked();
    const answers = await Promise.all([replay(letter), replay(letter), replay(letter)]);
    const replays = await eventsOf(gateway.log, DeadLetterReplayedV1, letter.id);
    expect(replays.map(({ data }) => data)).toEqual([letter.givenUp]);
    for (const answer of answers)
      expect(answer).toMatchObject({
        status: 202,
        body: { deadLetterId: letter.id, position: replays[0]?.position },
      });
    expect((await gateway.send('GET', letter.path)).body).toMatchObject({
      state: 'replayed',
      replays: 1,
      explanation: expect.stringContaining('has not answered yet'),
    });
  });

  it('is settled by the answer of its consumer, and then neither replayed nor discarded', async () => {
    const letter = await parked();
    await replay(letter);
    await settle(letter);
    await gateway.log.append(
      testEvent(JobFailedV1, letter.givenUp.aggregateId, { class: 'internal', message: 'x', attempts: 1 }),
    );
    for (const answer of [await replay(letter), await discard(letter)])
      expect(answer).toMatchObject({ status: 409, body: { code: 'dead-letter-closed', retryable: false } });
    expect((await gateway.send('GET', letter.path)).body).toMatchObject({
      state: 'settled',
      outcome: 'handled',
      explanation: expect.stringMatching(
        /its effect is in the log\. The job has ended as failed and stays so; what the replay made is shown with it\./,
      ),
    });
  });

  it('is discarded for good; the reason lies sealed in the log and is opened for readers until the key is gone', async () => {
    const letter = await parked();
    const reason = 'the artist Ann says it is not worth it';
    const answer = await discard(letter, { reason });
    expect(answer.status).toBe(202);
    expect(await discard(letter, { reason: 'another' })).toMatchObject({ status: 202, body: answer.body });
    expect(await replay(letter)).toMatchObject({ status: 409, body: { code: 'dead-letter-closed' } });

    const stored = await eventsOf(gateway.log, DeadLetterDiscardedV1, letter.id);
    expect(stored).toHaveLength(1);
    expect(JSON.stringify(stored)).not.toContain('Ann');
    const subject = stored[0]?.actor;
    const shown = { subject, text: reason, unavailable: null };
    expect((await gateway.send('GET', letter.path)).body).toMatchObject({
      state: 'discarded',
      discardedBy: subject,
      discardReason: shown,
      trail: [{}, { type: 'dead-letter.discarded', data: { reason: shown } }],
    });
    const list = await gateway.send('GET', `${LIST}?state=discarded&after=${await gateway.log.end()}`);
    expect(JSON.stringify(list.body)).not.toContain('Ann');

    for (const name of await readdir(gateway.keysDir)) await rm(`${gateway.keysDir}/${name}`);
    expect((await gateway.send('GET', letter.path)).body['discardReason']).toEqual({
      subject,
      text: null,
      unavailable: 'key-gone',
    });
  });

  it('that nobody parked is not found, whatever is wanted of it', async () => {
    const path = `${LIST}/${uuidv7()}`;
    for (const [method, url] of [
      ['GET', path],
      ['POST', `${path}/replay`],
      ['POST', `${path}/discard`],
    ] as const)
      expect(await gateway.send(method, url)).toMatchObject({ status: 404, body: { code: 'dead-letter-not-found' } });
  });

  it('is not hidden and not blocked by garbage on its subjects, which is listed by position', async () => {
    const letter = await parked();
    const position = await putGarbage(`anime.dead-letter.${letter.id}.gateway`);
    expect((await replay(letter)).status).toBe(202);
    expect((await gateway.send('GET', letter.path)).body).toMatchObject({ state: 'replayed', trail: [{}, {}] });
    await putGarbage(`anime.dead-letter.${uuidv7()}.gateway`);
    const voids = await gateway.send('GET', `/api/anime/void-messages?kind=void&after=${await gateway.log.end()}`);
    expect(voids.body['voidMessages']).toContainEqual({
      position,
      kind: 'void',
      subject: `anime.dead-letter.${letter.id}.gateway`,
      reason: 'ce-specversion is missing',
      size: 7,
    });
  });

  it.each([
    ['GET', `${LIST}?state=closed`, undefined, 'query/state'],
    ['GET', `${LIST}?consumer=%00`, undefined, 'query/consumer'],
    ['GET', `${LIST}?limit=0`, undefined, 'query/limit'],
    ['GET', `${LIST}/not-an-id`, undefined, 'path/id'],
    ['POST', `${LIST}/not-an-id/replay`, undefined, 'path/id'],
    ['POST', `${LIST}/${uuidv7()}/replay`, { reason: 'x' }, ''],
    ['POST', `${LIST}/${uuidv7()}/discard`, { reason: ' ' }, '/reason'],
    ['POST', `${LIST}/${uuidv7()}/discard`, { reason: 'x'.repeat(2_001) }, '/reason'],
    ['POST', `${LIST}/${uuidv7()}/discard`, { because: 'x' }, ''],
    ['GET', '/api/anime/void-messages?kind=all', undefined, 'query/kind'],
  ])('answers %s %# that is wrong with the field named', async (method, path, body, field) => {
    const answer = await gateway.send(method, path, body === undefined ? {} : { body });
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation-failed' } });
    expect(JSON.stringify(answer.body['errors'])).toContain(`"path":"${field}`);
  });

  it('refuses a cursor of the list of jobs, and one that is none', async () => {
    const ofJobs = Buffer.from(JSON.stringify({ at: '2026-01-01T00:00:00.000Z', id: uuidv7() })).toString('base64url');
    expect(await gateway.send('GET', `/api/anime/jobs?cursor=${ofJobs}`)).toMatchObject({ status: 200 });
    for (const path of [LIST, '/api/anime/void-messages'])
      for (const cursor of [ofJobs, 'abc'])
        expect(await gateway.send('GET', `${path}?cursor=${cursor}`)).toMatchObject({
          status: 400,
          body: { code: 'bad-cursor', errors: [{ path: 'query/cursor' }] },
        });
  });

  it('stands among what the system still has to have looked at until it is closed', async () => {
    const letter = await parked();
    const recent = async (): Promise<string> => {
      const { body } = await gateway.send('GET', '/api/anime/system');
      return JSON.stringify(body['readModel']);
    };
    await eventually(async () => (await recent()).includes(letter.id), { what: 'it is in the short list' });
    await discard(letter);
    await eventually(async () => !(await recent()).includes(letter.id), { what: 'it is not any more' });
  });
});

describe('without PostgreSQL', () => {
  it('dead letters are shown, replayed and discarded all the same', async () => {
    const [one, other] = [await parked(), await parked()];
    await using alone = await startTestGateway({
      natsUrl: (await nats.server()).url,
      databaseUrl: NOWHERE,
      check,
      untilReady: false,
    });
    expect(await alone.send('GET', one.path)).toMatchObject({ status: 200, body: { state: 'open' } });
    expect((await alone.send('POST', `${one.path}/replay`)).status).toBe(202);
    expect((await alone.send('POST', `${other.path}/discard`)).status).toBe(202);
    expect(await alone.send('GET', LIST)).toMatchObject({ status: 503, body: { code: 'read-model-unavailable' } });
  });
});

it('every route of dead letters was called', () => {
  expect(check.uncalled(['dead-letters'])).toEqual([]);
});
