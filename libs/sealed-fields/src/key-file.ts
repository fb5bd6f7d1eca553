import { createHash, randomBytes, randomInt } from 'node:crypto';
import { Uuid } from '@anime/contracts';
import { z } from 'zod';

export const KEY_BYTES = 32;

/** One subject's key. */
export interface SubjectKey {
  readonly subject: string;
  /**
   * Drawn at random, so that a key made after another was lost or erased, of which nobody knows any more, never claims
   * the texts of the first.
   */
  readonly version: number;
  readonly bytes: Buffer;
}

const KeyFile = z.strictObject({
  key: z.literal('aes-256-gcm'),
  subject: Uuid,
  version: z.int().min(1),
  bytes: z.base64(),
  check: z.string(),
});

/** A new key, at random. */
export function newKey(subject: string): SubjectKey {
  return { subject, version: randomInt(1, 2 ** 48 - 1), bytes: randomBytes(KEY_BYTES) };
}

/** The content of a key's file. */
export function writeKey({ subject, version, bytes }: SubjectKey): string {
  const key = { key: 'aes-256-gcm', subject, version, bytes: bytes.toString('base64') };
  return `${JSON.stringify({ ...key, check: checkOf({ subject, version, bytes }) })}\n`;
}

/** The key in a file's content; undefined when it is not whole, or not this subject's. */
export function readKey(content: string, subject: string): SubjectKey | undefined {
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch {
    return undefined;
  }
  const file = KeyFile.safeParse(json);
  if (!file.success) return undefined;
  const key = { subject, version: file.data.version, bytes: Buffer.from(file.data.bytes, 'base64') };
  const whole = file.data.subject === subject && key.bytes.byteLength === KEY_BYTES && file.data.check === checkOf(key);
  return whole ? key : undefined;
}

/**
 * Tells a damaged key from a whole one: without it, one changed bit would be a new key that seals and opens. It says
 * nothing of the key, which is random.
 */
function checkOf({ subject, version, bytes }: SubjectKey): string {
  return createHash('sha256').update(`${subject} ${version} `).update(bytes).digest('hex');
}
