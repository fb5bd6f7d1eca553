import { describe, expect, it } from '@jest/globals';
import { LoadProcess } from './load-process.js';

describe('a load generator', () => {
  it('that ends lets nobody wait for its answer, now or later', async () => {
    await using load = new LoadProcess<string, string>('there-is-no-such-generator');
    await expect(load.ask('anything')).rejects.toThrow('there-is-no-such-generator ended (1)');
    await expect(load.ask('anything')).rejects.toThrow('there-is-no-such-generator has ended');
  });
});
