import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { DeadLetter, DeadLetterDetail } from '@anime/contracts/http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { run } from './run.js';

const ID = '0199f0f0-0000-5000-8000-000000000001';
const JOB = '0199f0f0-0000-7000-8000-000000000002';
const TIME = '2026-01-02T03:04:05.678Z';
const LETTER: DeadLetter = {
  id: ID,
  state: 'open',
  consumer: 'file-organizer',
  eventId: '0199f0f0-0000-7000-8000-000000000003',
  eventName: 'job.executed.v1',
  aggregateId: JOB,
  error: { code: 'storage-failed', message: 'the disk\nis full' },
  deliveries: 10,
  parkings: 1,
  parkedAt: TIME,
  lastParkedAt: TIME,
  replays: 0,
  replayedAt: null,
  replayedBy: null,
  settledAt: null,
  outcome: null,
  discardedAt: null,
  discardedBy: null,
};
const DETAIL: DeadLetterDetail = {
  ...LETTER,
  explanation: 'Mend the cause.',
  event: null,
  discardReason: { subject: JOB, text: null, unavailable: 'key-gone' },
  trail: [],
};
const PROBLEM = { title: 'x', detail: 'not here', instance: '/', retryable: false, requestId: 'r' };

let server: Server;
let gateway: string;
const seen: string[] = [];

/** Answers as a gateway does; what it is asked is remembered. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? '';
  seen.push(`${request.method} ${url} ${await text(request)}`.trim());
  const [status, body] = answerTo(url);
  response
    .writeHead(status, { 'content-type': status === 404 ? 'application/problem+json' : 'application/json' })
    .end(JSON.stringify(body));
}

function answerTo(url: string): [number, object] {
  if (url.startsWith('/api/anime/dead-letters?'))
    return [200, { deadLetters: [LETTER], nextCursor: 'more', position: 7 }];
  if (url.startsWith('/api/anime/void-messages')) {
    const voidMessages = [{ position: 4, kind: 'void', subject: 'anime.job.x', reason: 'no JSON', size: 9 }];
    return [200, { voidMessages, nextCursor: null, position: 7 }];
  }
  if (url.endsWith(`${ID}/replay`) || url.endsWith(`${ID}/discard`)) return [202, { deadLetterId: ID, position: 9 }];
  if (url.endsWith(ID)) return [200, DETAIL];
  const code = 'dead-letter-not-found';
  return [404, { ...PROBLEM, type: `urn:anime:problem:${code}`, status: 404, code }];
}

beforeAll(async () => {
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function anime(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const env = { ANIME_GATEWAY: gateway };
  const code = await run(args, { env, out: (said) => (out += said), err: (said) => (err += said) });
  return { code, out, err };
}

describe('dead-letters', () => {
  it('list prints a line for each, how to see more and what to do with an open one', async () => {
    const filter = ['--state', 'open,replayed', '--consumer', 'file-organizer', '--job', JOB, '--limit', '1'];
    const { code, out, err } = await anime('dead-letters', 'list', ...filter);
    expect(seen.at(-1)).toBe(
      `GET /api/anime/dead-letters?limit=1&state=open&state=replayed&consumer=file-organizer&aggregateId=${JOB}`,
    );
    expect(code).toBe(0);
    expect(out).toMatch(
      new RegExp(`^${ID} +open +file-organizer +job.executed.v1 .*storage-failed: the disk is full$`, 'm'),
    );
    expect(err).toMatch(/--cursor more\n.*dead-letters show <id>/);
  });

  it('show tells what to do next, and why a reason cannot be read', async () => {
    const { out } = await anime('dead-letters', 'show', ID);
    expect(out).toContain('Mend the cause.');
    expect(out).toContain(`npm run anime -- dead-letters replay ${ID}`);
    expect(out).toContain('cannot be shown (key-gone)');
    expect(JSON.parse((await anime('dead-letters', 'show', ID, '--json')).out)).toEqual(DETAIL);
  });

  it('replay and discard say that the wish is in the log; the reason goes along', async () => {
    expect((await anime('dead-letters', 'replay', ID)).out).toMatch(/in the log\. How it ends: .*dead-letters show/);
    expect(seen.at(-1)).toBe(`POST /api/anime/dead-letters/${ID}/replay`);
    expect((await anime('dead-letters', 'discard', ID, '--reason', 'not worth it')).out).toBe(`${ID} is discarded.\n`);
    expect(seen.at(-1)).toBe(`POST /api/anime/dead-letters/${ID}/discard {"reason":"not worth it"}`);
    expect(JSON.parse((await anime('dead-letters', 'discard', ID, '--json')).out)).toEqual({
      deadLetterId: ID,
      position: 9,
    });
  });

  it('fails with the reason and the next step', async () => {
    expect(await anime('dead-letters', 'replay', JOB)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/not here\n.*dead-letters list/),
    });
    expect(await anime('dead-letters', 'show', 'abc')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/abc is not the id of a dead letter\.\n.*dead-letters list/),
    });
    expect(await anime('dead-letters', 'list', '--state', 'dead')).toMatchObject({ code: 2 });
    expect(await anime('dead-letters', 'list', '--limit', '0')).toMatchObject({ code: 2 });
  });
});

describe('voids', () => {
  it('list prints position, size and reason of each', async () => {
    const { code, out } = await anime('voids', 'list', '--kind', 'void');
    expect(seen.at(-1)).toBe('GET /api/anime/void-messages?limit=20&kind=void');
    expect(code).toBe(0);
    expect(out).toMatch(/^4 +void +9 +anime\.job\.x +no JSON$/m);
    expect(await anime('voids', 'list', '--kind', 'all')).toMatchObject({ code: 2 });
  });
});

it('takes every command of the how-to', async () => {
  const howTo = await readFile(new URL('../../../docs/how-to/dead-letters.md', import.meta.url), 'utf8');
  const commands = [...howTo.matchAll(/^npm run anime -- (.*?)(?: +#.*)?$/gm)].map(([, line = '']) => line);
  expect(commands.length).toBeGreaterThanOrEqual(6);
  for (const line of commands) {
    const words = [...line.replace('<id>', ID).matchAll(/'([^']*)'|(\S+)/g)].map(
      ([, quoted, plain = '']) => quoted ?? plain,
    );
    expect([line, (await anime(...words)).code]).toEqual([line, 0]);
  }
});
