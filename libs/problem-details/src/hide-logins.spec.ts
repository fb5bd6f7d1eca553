import { describe, expect, it } from '@jest/globals';
import { hideLogins } from './hide-logins.js';

describe('a text that is shown', () => {
  it.each([
    ['http://me:secret@gpu:8188', 'http://…@gpu:8188'],
    ['a=http://me:s@cret@gpu, b=https://secret@b/x', 'a=http://…@gpu, b=https://…@b/x'],
    ['postgres://me:se/cr?e#t@host/db', 'postgres://…@host/db'],
    ['http://me:se cret@gpu,http://b', 'http://…@gpu,http://b'],
    ['http://me:se//cret@gpu', 'http://…@gpu'],
  ])('has no user or password of an address: %s', (text, shown) => {
    expect(hideLogins(text)).toBe(shown);
  });

  it.each(['http://gpu:8188,http://b:8188/comfy', 'me@studio', ''])('is as it was without them: %j', (text) => {
    expect(hideLogins(text)).toBe(text);
  });
});
