import type { Sealed } from '@anime/contracts';
import { SealedText } from '@anime/contracts/http';
import { ProblemError } from '@anime/problem-details';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openSealed } from './open-sealed.js';

const subject = '0193a000-0000-7000-8000-000000000001';
/** Sealed enough for what is tested here: the twin below opens it by what stands in `ciphertext`. */
const sealed = (word: string): Sealed => ({
  sealed: 'aes-256-gcm',
  subject,
  keyVersion: 1,
  nonce: 'AAAAAAAAAAAAAAAA',
  ciphertext: Buffer.from(word).toString('base64'),
  tag: 'AAAAAAAAAAAAAAAAAAAAAA==',
});
const keys = {
  open: ({ ciphertext }: Sealed): Promise<string | undefined> => {
    const word = Buffer.from(ciphertext, 'base64').toString();
    if (word === 'gone') return Promise.resolve(undefined);
    if (word === 'seal-broken' || word === 'key-damaged' || word === 'storage-failed')
      return Promise.reject(new ProblemError(word, 'because'));
    return Promise.resolve(word);
  },
};

describe('an answer', () => {
  it('has every sealed text opened, wherever it stands, and nothing else changed', async () => {
    const faults: ProblemError[] = [];
    const answer = { reason: sealed('late'), list: [1, null, { deep: sealed('unwanted') }], at: 'now' };
    const opened = await openSealed(keys, answer, (fault) => faults.push(fault));
    expect(opened).toEqual({
      reason: { subject, text: 'late', unavailable: null },
      list: [1, null, { deep: { subject, text: 'unwanted', unavailable: null } }],
      at: 'now',
    });
    expect(SealedText.parse(opened.reason)).toEqual(opened.reason);
    expect(faults).toEqual([]);
  });

  it('says of a text that cannot be opened why, in its place, and reports faults but not keys that are gone', async () => {
    const faults: string[] = [];
    const words = ['gone', 'seal-broken', 'key-damaged', 'storage-failed', 'kept'];
    const opened = await openSealed(keys, words.map(sealed), ({ code }) => faults.push(code));
    expect(opened.map(({ text, unavailable }) => text ?? unavailable)).toEqual([
      'key-gone',
      'damaged',
      'damaged',
      'key-unreachable',
      'kept',
    ]);
    expect(faults).toEqual(['seal-broken', 'key-damaged', 'storage-failed']);
  });

  it('without sealed texts stays as it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (answer: unknown) => {
        expect(JSON.stringify(await openSealed(keys, answer, () => undefined))).toBe(JSON.stringify(answer));
      }),
    );
    const notSealed = { sealed: 'aes-256-gcm', of: 'something else' };
    expect(await openSealed(keys, notSealed, () => undefined)).toEqual(notSealed);
  });
});
