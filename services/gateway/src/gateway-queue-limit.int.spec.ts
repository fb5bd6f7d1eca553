import { AnswerCheck } from '@anime/gateway-client/testing';
import { createTestDatabase, useNats } from '@anime/testing';
import { describe, expect, it } from '@jest/globals';
import { startTestGateway, type Answer } from './testing/test-gateway.js';

const nats = useNats();

it('too many waiting jobs: a further one gets 429 and when to come again, what was asked for before is answered', async () => {
  await using database = await createTestDatabase();
  await using gateway = await startTestGateway({
    natsUrl: (await nats.server()).url,
    databaseUrl: database.url,
    check: new AnswerCheck(),
    env: { ANIME_QUEUE_LIMIT: '2' },
  });
  const ask = (key: string) =>
    gateway.send('POST', '/api/anime/generate/image', {
      body: { prompt: 'a fox' },
      headers: { 'idempotency-key': key },
    });
  const shown = ({ body }: Answer) =>
    gateway.send('GET', `/api/anime/jobs/${String(body['jobId'])}?after=${String(body['position'])}`);
  const first = await ask('1');
  await shown(first);
  await shown(await ask('2'));

  const end = await gateway.log.end();
  const refused = await ask('3');
  expect(refused).toMatchObject({ status: 429, body: { code: 'queue-full', retryable: true } });
  expect(refused.headers.get('retry-after')).toBe('30');
  expect(await ask('1')).toMatchObject({ status: 202, body: first.body });
  expect(await gateway.log.end()).toBe(end);
});

describe('more requests at once than may wait:', () => {
  const ownNats = useNats();
  it('as many are taken as may wait, of a project and of all', async () => {
    await using database = await createTestDatabase();
    await using gateway = await startTestGateway({
      natsUrl: (await ownNats.server()).url,
      databaseUrl: database.url,
      check: new AnswerCheck(),
      env: { ANIME_QUEUE_LIMIT: '8' },
    });
    const project = { slug: 'film', title: 'Film', settings: { waitingLimit: 5 } };
    await gateway.send('POST', '/api/anime/projects', { body: project });
    const ask = async (body: object): Promise<number> =>
      (await gateway.send('POST', '/api/anime/generate/image', { body: { prompt: 'a fox', ...body } })).status;
    const taken = async (body: object): Promise<number> => {
      const statuses = await Promise.all(Array.from({ length: 20 }, () => ask(body)));
      expect(statuses.filter((status) => status !== 202 && status !== 429)).toEqual([]);
      return statuses.filter((status) => status === 202).length;
    };
    expect(await taken({ project: 'film' })).toBe(5);
    expect(await taken({})).toBe(3);
    expect(await taken({ project: 'film' })).toBe(0);
  });
});

describe('the same request at once, as many times as there are not places:', () => {
  const ownNats = useNats();
  it('every one is answered with the one job', async () => {
    await using database = await createTestDatabase();
    await using gateway = await startTestGateway({
      natsUrl: (await ownNats.server()).url,
      databaseUrl: database.url,
      check: new AnswerCheck(),
      env: { ANIME_QUEUE_LIMIT: '1' },
    });
    const ask = () =>
      gateway.send('POST', '/api/anime/generate/image', {
        body: { prompt: 'a fox' },
        headers: { 'idempotency-key': 'one' },
      });
    const answers = await Promise.all(Array.from({ length: 6 }, ask));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    expect(new Set(answers.map(({ body }) => body['jobId'])).size).toBe(1);
  });
});
