import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Sealed } from '@anime/contracts';
import type { SubjectKey } from './key-file.js';

const CIPHER = 'aes-256-gcm';
/** As NIST SP 800-38D recommends: a nonce of 96 bits, drawn at random (up to 2^32 texts a key), and the whole tag. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts a text, each time under a new nonce. */
export function encrypt({ subject, version, bytes }: SubjectKey, text: string): Sealed {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, bytes, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(subject, version));
  const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return {
    sealed: CIPHER,
    subject,
    keyVersion: version,
    nonce: nonce.toString('base64'),
    ciphertext: ciphertext.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
  };
}

/** Decrypts a text; undefined when it is not what this key sealed. */
export function decrypt({ bytes }: SubjectKey, sealed: Sealed): string | undefined {
  const [nonce, ciphertext, tag] = [sealed.nonce, sealed.ciphertext, sealed.tag].map((part) =>
    Buffer.from(part, 'base64'),
  ) as [Buffer, Buffer, Buffer];
  // A shorter tag is one that is easier to guess.
  if (nonce.byteLength !== NONCE_BYTES || tag.byteLength !== TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, bytes, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(boundTo(sealed.subject, sealed.keyVersion));
  decipher.setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

/**
 * What the tag vouches for beside the text. Not the field: a text moves from an event to the rows that show it, and whoever
 * opens an answer need not know where each stood.
 */
function boundTo(subject: string, version: number): Buffer {
  return Buffer.from(`anime sealed ${CIPHER} ${subject} ${version}`);
}
