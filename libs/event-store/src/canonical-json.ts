import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/**
 * JSON with one form for each value (RFC 8785, JSON Canonicalization Scheme), so that equal values have equal hashes.
 * @throws TypeError for what JSON cannot say: undefined, functions, NaN, infinities, cycles
 */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('the value has no JSON form');
  return text;
}

/** SHA-256 in lower-case hex; text is taken as UTF-8. */
export function sha256Hex(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}
