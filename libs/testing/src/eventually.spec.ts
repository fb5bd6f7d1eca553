import { describe, expect, it } from '@jest/globals';
import { eventually } from './eventually.js';

describe('eventually', () => {
  it('returns the first truthy answer, errors before it count as not yet', async () => {
    let calls = 0;
    const answer = await eventually(
      () => {
        calls += 1;
        if (calls === 1) throw new Error('too early');
        return calls === 3 ? 'here' : undefined;
      },
      { what: 'the third call', intervalMs: 1 },
    );
    expect([answer, calls]).toEqual(['here', 3]);
  });

  it('names what never happened and the last answer', async () => {
    await expect(eventually(() => 0, { what: 'the job is completed', timeoutMs: 5, intervalMs: 1 })).rejects.toThrow(
      'never happened within 5 ms: the job is completed (last answer: 0)',
    );
  });

  it('names the last error', async () => {
    const failing = (): never => {
      throw new Error('connection refused');
    };
    await expect(eventually(failing, { what: 'ready', timeoutMs: 1, intervalMs: 1 })).rejects.toThrow(
      /connection refused/,
    );
  });
});
