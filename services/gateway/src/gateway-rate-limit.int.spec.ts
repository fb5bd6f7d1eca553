import { newKey } from '@anime/api-keys';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { createTestDatabase, eventually, useNats } from '@anime/testing';
import { expect, it } from '@jest/globals';
import { startTestGateway } from './testing/test-gateway.js';

const nats = useNats();
const LIMIT = 3;
const SENT = 40;

it('a caller who sends too many requests a second gets 429 and when to come again; probes are always answered', async () => {
  await using database = await createTestDatabase();
  await using gateway = await startTestGateway({
    natsUrl: (await nats.server()).url,
    databaseUrl: database.url,
    check: new AnswerCheck(),
    env: { ANIME_RATE_LIMIT: String(LIMIT) },
  });
  const end = await gateway.log.end();
  const began = performance.now();
  const answers = await Promise.all(
    Array.from({ length: SENT }, () =>
      gateway.send('POST', '/api/anime/generate/image', { body: { prompt: 'a fox' } }),
    ),
  );
  const refused = answers.filter(({ status }) => status === 429);
  for (const { body, headers } of refused) {
    expect(body).toMatchObject({
      code: 'rate-limited',
      retryable: true,
      detail: expect.stringMatching(/ANIME_RATE_LIMIT/),
    });
    expect(headers.get('retry-after')).toBe('1');
  }
  // However slowly they were sent, a refused one has stored nothing.
  expect(refused.length).toBeGreaterThan(0);
  const seconds = Math.ceil((performance.now() - began) / 1_000) + 1;
  expect(SENT - refused.length).toBeLessThanOrEqual(LIMIT * seconds);
  expect(await gateway.log.end()).toBe(end + SENT - refused.length);
  for (let probe = 0; probe <= LIMIT; probe += 1) expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
  await eventually(async () => (await gateway.send('GET', '/api/anime/queue')).status === 200, {
    what: 'the caller is served again',
  });
});

it('who tries keys is limited by address, however many keys are tried', async () => {
  await using database = await createTestDatabase();
  const check = new AnswerCheck();
  await using gateway = await startTestGateway({
    natsUrl: (await nats.server()).url,
    databaseUrl: database.url,
    check,
    env: { ANIME_RATE_LIMIT: String(LIMIT), ANIME_LOCAL_USER: '0' },
  });
  const answers = await Promise.all(
    Array.from({ length: SENT }, () =>
      gateway.send('GET', '/api/anime/queue', { headers: { authorization: `Bearer ${newKey()}` } }),
    ),
  );
  const statuses = new Set(answers.map(({ status }) => status));
  expect(statuses).toEqual(new Set([401, 429]));
});
