import { randomBytes } from 'node:crypto';
import { Sealed } from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decrypt, encrypt } from './cipher.js';
import { readKey, writeKey, type SubjectKey } from './key-file.js';

const subject = fc.uuid();
const key = fc
  .tuple(subject, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }))
  .map(([id, version]): SubjectKey => ({ subject: id, version, bytes: randomBytes(32) }));
const text = fc.string({ unit: 'binary', maxLength: 300 });
const part = fc.constantFrom('nonce' as const, 'ciphertext' as const, 'tag' as const);

function flipped(base64: string, at: number): string {
  const bytes = Buffer.from(base64, 'base64');
  const place = at % (bytes.byteLength * 8);
  bytes[place >> 3] = (bytes[place >> 3] ?? 0) ^ (1 << (place & 7));
  return bytes.toString('base64');
}

describe('a sealed text', () => {
  it('opens to itself, whatever it is, and has the stored form', () => {
    fc.assert(
      fc.property(key, text, (of, clear) => {
        const sealed = encrypt(of, clear);
        expect(Sealed.parse(sealed)).toEqual(sealed);
        expect(decrypt(of, sealed)).toBe(clear);
      }),
    );
  });

  it('opens no more with any one bit of it changed', () => {
    fc.assert(
      fc.property(key, fc.string({ minLength: 1 }), part, fc.nat(), (of, clear, where, at) => {
        const sealed = encrypt(of, clear);
        expect(decrypt(of, { ...sealed, [where]: flipped(sealed[where], at) })).toBeUndefined();
      }),
    );
  });

  it('opens only for its own subject and key version, also where another has the same key', () => {
    fc.assert(
      fc.property(key, key, text, (of, other, clear) => {
        const sealed = encrypt(of, clear);
        expect(decrypt({ ...of, bytes: other.bytes }, sealed)).toBeUndefined();
        expect(decrypt(of, { ...sealed, subject: other.subject })).toBeUndefined();
        expect(decrypt(of, { ...sealed, keyVersion: sealed.keyVersion === 1 ? 2 : 1 })).toBeUndefined();
      }),
    );
  });

  it('opens only with its whole tag and nonce: a short tag could be guessed', () => {
    const of: SubjectKey = { subject: '0193a000-0000-7000-8000-000000000001', version: 1, bytes: randomBytes(32) };
    const sealed = encrypt(of, 'a note');
    for (const bytes of [0, 4, 8, 12, 15])
      expect(
        decrypt(of, { ...sealed, tag: Buffer.from(sealed.tag, 'base64').subarray(0, bytes).toString('base64') }),
      ).toBeUndefined();
    expect(decrypt(of, { ...sealed, nonce: '' })).toBeUndefined();
  });

  it('is never the same twice', () => {
    const of: SubjectKey = { subject: '0193a000-0000-7000-8000-000000000001', version: 1, bytes: randomBytes(32) };
    const nonces = new Set(Array.from({ length: 100 }, () => encrypt(of, 'a note').nonce));
    expect(nonces.size).toBe(100);
  });
});

describe("a key's file", () => {
  it('holds the key', () => {
    fc.assert(fc.property(key, (of) => expect(readKey(writeKey(of), of.subject)).toEqual(of)));
  });

  it('is damaged when it is cut off anywhere, or any of its characters is another', () => {
    fc.assert(
      fc.property(key, fc.nat(), fc.nat({ max: 255 }), (of, at, byte) => {
        const content = Buffer.from(writeKey(of).trimEnd());
        const place = at % content.byteLength;
        expect(readKey(content.subarray(0, place).toString(), of.subject)).toBeUndefined();
        fc.pre(content[place] !== byte);
        content[place] = byte;
        const read = readKey(content.toString(), of.subject);
        // The last bits of a base64 text may mean nothing: then it is the same key.
        if (read !== undefined) expect(read).toEqual(of);
      }),
    );
  });

  it("is not another subject's", () => {
    fc.assert(fc.property(key, key, (of, other) => expect(readKey(writeKey(of), other.subject)).toBeUndefined()));
  });
});
