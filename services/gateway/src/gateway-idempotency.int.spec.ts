import { AnswerCheck } from '@anime/gateway-client/testing';
import { createTestDatabase, useNats, type TestDatabase } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestGateway, type TestGateway } from './testing/test-gateway.js';

const IMAGE = '/api/anime/generate/image';
const nats = useNats();
let database: TestDatabase;
/** Two of one studio, as people run them behind one address. */
let gateways: readonly [TestGateway, TestGateway];

beforeAll(async () => {
  database = await createTestDatabase();
  const options = { natsUrl: (await nats.server()).url, databaseUrl: database.url, check: new AnswerCheck() };
  gateways = [await startTestGateway(options), await startTestGateway({ ...options, untilReady: false })];
});
afterAll(async () => {
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const ask = (gateway: TestGateway, key: string, body: unknown = { prompt: 'a fox' }, path = IMAGE) =>
  gateway.send('POST', path, { body, headers: { 'idempotency-key': key } });

describe('a request with an Idempotency-Key', () => {
  it('is answered as the first time when it is sent again, by whatever gateway, and stored once', async () => {
    const first = await ask(gateways[0], 'once');
    expect(first.status).toBe(202);
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    const end = await gateways[0].log.end();
    for (const gateway of gateways) {
      const again = await ask(gateway, 'once');
      expect([again.status, again.body]).toEqual([202, first.body]);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      expect(again.headers.get('location')).toBe(first.headers.get('location'));
    }
    expect(await gateways[0].log.end()).toBe(end);
  });

  it('makes one job when it is sent many times at once', async () => {
    const before = await gateways[0].log.end();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(gateways[n % 2 === 0 ? 0 : 1], 'race')));
    expect(new Set(answers.map(({ body }) => body['jobId'])).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect(await gateways[0].log.end()).toBe(before + 1);
  });

  it('is refused with 422 when the key asked for something else, and with 400 when the key is none', async () => {
    await ask(gateways[0], 'taken');
    const before = await gateways[0].log.end();
    expect(await ask(gateways[1], 'taken', { prompt: 'a wolf' })).toMatchObject({
      status: 422,
      body: { code: 'idempotency-key-reused', errors: [{ path: 'header/idempotency-key' }] },
    });
    expect(await ask(gateways[0], 'taken', { prompt: 'a fox' }, '/api/anime/generate/video')).toMatchObject({
      status: 422,
    });
    for (const key of ['', ' ', 'x'.repeat(256)]) {
      expect(await ask(gateways[0], key)).toMatchObject({
        status: 400,
        body: { code: 'validation-failed', errors: [{ path: 'header/idempotency-key' }] },
      });
    }
    expect(await gateways[0].log.end()).toBe(before);
  });

  it('by /generate is the same request as by /generate/image', async () => {
    const { body } = await ask(gateways[0], 'either');
    const again = await ask(gateways[1], 'either', { type: 'image', prompt: 'a fox' }, '/api/anime/generate');
    expect([again.status, again.body]).toEqual([202, body]);
  });
});
