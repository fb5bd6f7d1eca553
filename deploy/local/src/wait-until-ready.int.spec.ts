import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { waitUntilReady } from './wait-until-ready.js';

let server: Server | undefined;
afterEach(() => server?.closeAllConnections());

/** A process that takes connections and never answers. */
async function hanging(): Promise<{ url: string; asked: Promise<void> }> {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  server = createServer(() => resolve()).listen(0, '127.0.0.1');
  server.unref();
  await new Promise((listening) => server?.once('listening', listening));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }; // it listens on TCP
}

describe('waiting for a process that takes connections and never answers', () => {
  it('ends with the reason as soon as waiting is in vain', async () => {
    const { url, asked } = await hanging();
    const inVain = new AbortController();
    const waiting = waitUntilReady('painter', url, undefined, undefined, inVain.signal);
    await asked;
    inVain.abort(new Error('the gilder has ended'));
    await expect(waiting).rejects.toThrow('the gilder has ended');
  });
});
