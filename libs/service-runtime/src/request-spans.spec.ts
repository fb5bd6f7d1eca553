import { recordSpans, type SpanRecord } from '@anime/event-store/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { traceRequest } from './request-spans.js';

const ID = '018f0000-0000-7000-8000-000000000001';
const REVOKE = '/api/anime/keys/:id/revoke';

describe("a request's span", () => {
  let record: SpanRecord;
  beforeAll(async () => {
    record = await recordSpans();
  });
  afterAll(() => record.stop());

  function attributesFor(url: string, route: string | undefined): unknown {
    traceRequest({ method: 'POST', headers: {}, url, route }).end(400);
    return record.spans().at(-1)?.attributes;
  }

  it.each([
    [`/api/anime/keys/${ID}/revoke?x=1`, REVOKE, `/api/anime/keys/${ID}/revoke`],
    ['/api/anime/projects/winter-tale', '/api/anime/projects/:id', '/api/anime/projects/winter-tale'],
    ['/api/anime/jobs', '/api/anime/jobs', '/api/anime/jobs'],
    ['/docs/index.css', '/docs/*', '/docs/*'],
  ])('of %s says where it went', (url, route, path) => {
    expect(attributesFor(url, route)).toMatchObject({ 'http.route': route, 'url.path': path });
  });

  it.each([`anime_${'xY3-'.repeat(10)}abc`, '%C3%85sa', 'Åsa Öberg', 'a.b', 'x'.repeat(65)])(
    'has no %s, which came where an id was to be',
    (text) => {
      const attributes = attributesFor(`/api/anime/keys/${text}/revoke`, REVOKE);
      expect(attributes).toMatchObject({ 'url.path': REVOKE });
      expect(JSON.stringify(attributes)).not.toContain(text);
    },
  );

  it('has no path that no route knows', () => {
    expect(attributesFor('/Anna', undefined)).not.toHaveProperty('url.path');
  });
});
