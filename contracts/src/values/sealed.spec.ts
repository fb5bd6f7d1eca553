import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Sealed } from './sealed.js';

const SEALED = {
  sealed: 'aes-256-gcm',
  subject: '0193a000-0000-7000-8000-000000000001',
  keyVersion: 1,
  nonce: 'AAAAAAAAAAAAAAAA',
  ciphertext: 'q83vEg==',
  tag: 'AAAAAAAAAAAAAAAAAAAAAA==',
};

describe('a sealed field', () => {
  it('takes ciphertext with the id of the subject whose key opens it', () => {
    expect(Sealed.parse(SEALED)).toEqual(SEALED);
  });

  it('never takes text in the clear', () => {
    for (const clear of ['a name', { ...SEALED, ciphertext: 'not base64!' }, { ...SEALED, text: 'a name' }]) {
      expect(Sealed.safeParse(clear).success).toBe(false);
    }
  });

  it('is named in the JSON Schema of whatever holds it', () => {
    expect(JSON.stringify(z.toJSONSchema(z.strictObject({ reason: Sealed })))).toContain('"$ref":"#/$defs/Sealed"');
  });
});
