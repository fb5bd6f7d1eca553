import { z } from 'zod';
import { Uuid } from './primitives.js';

/**
 * Personal text (law 11): encrypted per subject before `decide` sees it, so that erasing one key erases the text everywhere.
 * `subject` is the opaque id whose key seals it; `keyVersion`, drawn at random, tells the keys apart that a subject had one
 * after the other; `nonce` (12 bytes), `ciphertext` and `tag` (16 bytes) are base64 of AES-256-GCM. An event, a read-model
 * and a backup hold only this form.
 */
export const Sealed = z
  .strictObject({
    sealed: z.literal('aes-256-gcm'),
    subject: Uuid,
    keyVersion: z.int().min(1),
    nonce: z.base64(),
    ciphertext: z.base64(),
    tag: z.base64(),
  })
  .meta({ id: 'Sealed', description: 'text sealed with the key of its subject' });
export type Sealed = z.infer<typeof Sealed>;
