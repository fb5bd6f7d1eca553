import { createHash } from 'node:crypto';
import { hashOfKey, hintOfKey, newKey } from '@anime/api-keys';
import { ApiKeyIssuedV1, ApiKeyRevokedV1, type Scope } from '@anime/contracts';
import { uuidv7 } from '@anime/event-store';
import type { RunningService } from '@anime/service-runtime';
import { eventually } from '@anime/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { useRelayStudio } from './testing/studio.js';
import { refusal, view } from './testing/test-viewer.js';

const studio = useRelayStudio();
let relay: RunningService;
let jobId: string;
beforeEach(async () => {
  relay = await studio.relay({}, undefined, { HOST: '0.0.0.0' });
  jobId = await studio.runningJob();
});

async function issue(scopes: Scope[], expiresAt: string | null = null): Promise<{ id: string; key: string }> {
  const [id, key] = [uuidv7(), newKey()];
  const data = { actor: uuidv7(), hash: hashOfKey(key), hint: hintOfKey(key), scopes, label: null, expiresAt };
  await studio.append(ApiKeyIssuedV1, id, data);
  return { id, key };
}
const path = () => `/api/anime/jobs/${jobId}/progress`;
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
/** Waits until the relay knows the key. */
const opens = (key: string) =>
  eventually(async () => view(relay.url, jobId, undefined, { headers: bearer(key) }), {
    what: 'the key opens the relay',
  });

describe('a relay that others reach', () => {
  it('shows nothing without a key, also to this machine', async () => {
    const refused = await refusal(relay.url, path());
    expect(refused).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    const unknown = [bearer(newKey()), { authorization: 'garbage' }, { 'sec-websocket-protocol': newKey() }];
    for (const headers of unknown) {
      const answer = await eventually(
        async () => ((each) => each.status !== 503 && each)(await refusal(relay.url, path(), headers)),
        { what: 'the keys have been read' },
      );
      expect(answer).toMatchObject({ status: 401, body: { code: 'key-invalid' } });
    }
  });

  it('shows a job to a key that may read jobs, from the header or from the subprotocols, and never sends the key back', async () => {
    const { key } = await issue(['jobs:read']);
    await (await opens(key)).see('reset');
    const page = await view(relay.url, jobId, undefined, { protocols: [key, 'anime.progress'] });
    await page.see('reset');
    expect(page.socket.protocol).toBe('anime.progress');
    const twice = await refusal(relay.url, path(), { ...bearer(key), 'sec-websocket-protocol': key });
    expect(twice).toMatchObject({ status: 400, body: { errors: [{ path: 'header/authorization' }] } });
    expect(JSON.stringify(twice)).not.toContain(key.slice(10));
  });

  it('refuses a key that may only do something else, and names what is missing', async () => {
    const { key } = await issue(['jobs:write', 'review']);
    const refused = await eventually(
      async () => ((each) => each.status === 403 && each)(await refusal(relay.url, path(), bearer(key))),
      { what: 'the key is known' },
    );
    expect(refused).toMatchObject({
      body: { code: 'scope-missing', detail: expect.stringContaining('jobs:read') },
    });
    await (await opens((await issue(['admin'])).key)).see('reset');
  });

  it('closes the connections of a key that is revoked or expires (1008), and leaves the others', async () => {
    const [expiring, other] = [
      await issue(['jobs:read'], new Date(Date.now() + 8_000).toISOString()),
      await issue(['jobs:read']),
    ];
    const [viewerOfExpiring, viewerOfOther] = [await opens(expiring.key), await opens(other.key)];
    const msToClose: number[] = [];
    for (let nth = 1; nth <= 4; nth += 1) {
      const { id, key } = await issue(['jobs:read']);
      const viewer = await opens(key);
      await viewer.see('reset');
      await studio.append(ApiKeyRevokedV1, id, {});
      const durable = performance.now();
      expect(await viewer.closed).toBe(1008);
      msToClose.push(performance.now() - durable);
      expect(await refusal(relay.url, path(), bearer(key))).toMatchObject({ status: 401 });
    }
    // Within a second is the promise; a busy machine may hold one of them up. The first may come just before a look at
    // the viewers; the others come just after one, and so wait longest.
    expect(Math.min(...msToClose.slice(1))).toBeLessThan(1_000);
    expect(await viewerOfExpiring.closed).toBe(1008);
    await studio.publish(jobId);
    await viewerOfOther.see('progress');
  });
});

describe('a relay on loopback', () => {
  it('serves the user of its machine without a key, unless told otherwise', async () => {
    const own = await studio.relay();
    await (await view(own.url, jobId)).see('reset');
    for (const headers of [
      { host: 'rebound.example.org' },
      { origin: 'https://example.org' },
      { forwarded: 'for=x' },
    ]) {
      expect(await refusal(own.url, path(), headers)).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    }
    const strict = await studio.relay({}, undefined, { ANIME_LOCAL_USER: '0' });
    expect(await refusal(strict.url, path())).toMatchObject({ status: 401 });
  });
});

it('a hash is no key', async () => {
  const { key } = await issue(['admin']);
  await opens(key);
  const hash = createHash('sha256').update(key).digest('hex');
  expect(await refusal(relay.url, path(), bearer(hash))).toMatchObject({ status: 401 });
  expect(await refusal(relay.url, path(), bearer(`anime_${hash.slice(0, 43)}`))).toMatchObject({ status: 401 });
});
