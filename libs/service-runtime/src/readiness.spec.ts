import { describe, expect, it } from '@jest/globals';
import { Readiness } from './readiness.js';

describe('readiness', () => {
  it('is there when every check is, and names each', async () => {
    const readiness = new Readiness();
    readiness.add('nats', () => ({ ok: true, reason: null }));
    readiness.add('durability', async () => ({ ok: true, reason: 'unverified' }));
    expect(await readiness.report()).toEqual({
      ready: true,
      checks: [
        { name: 'nats', ok: true, reason: null },
        { name: 'durability', ok: true, reason: 'unverified' },
      ],
    });
  });

  it('takes a check that throws for a failed one, with its message', async () => {
    const readiness = new Readiness();
    readiness.add('database', () => Promise.reject(new Error('connection refused')));
    readiness.add('sync', () => {
      throw new Error('also this way');
    });
    expect(await readiness.report()).toMatchObject({
      ready: false,
      checks: [{ reason: 'connection refused' }, { reason: 'also this way' }],
    });
  });

  it('answers in bounded time when a check never does', async () => {
    const readiness = new Readiness(30);
    readiness.add('slow', () => new Promise(() => undefined));
    readiness.add('fast', () => ({ ok: true, reason: null }));
    expect(await readiness.report()).toEqual({
      ready: false,
      checks: [
        { name: 'slow', ok: false, reason: 'no answer within 30 ms' },
        { name: 'fast', ok: true, reason: null },
      ],
    });
  });

  it('is gone once the service drains', async () => {
    const readiness = new Readiness();
    readiness.drain();
    expect(await readiness.report()).toEqual({
      ready: false,
      checks: [{ name: 'draining', ok: false, reason: 'the service is stopping' }],
    });
  });

  it('takes each name once', () => {
    const readiness = new Readiness();
    readiness.add('nats', () => ({ ok: true, reason: null }));
    expect(() => readiness.add('nats', () => ({ ok: true, reason: null }))).toThrow('nats');
  });
});
