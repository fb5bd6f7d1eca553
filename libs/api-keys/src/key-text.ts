import { randomBytes } from 'node:crypto';
import { API_KEY_PREFIX, ApiKeyText } from '@anime/contracts';
import { sha256Hex } from '@anime/event-store';

const KEY_BYTES = 32;
const HINT_CHARACTERS = 4;

/** A new key. To be shown to its owner once and kept nowhere. */
export function newKey(): string {
  return API_KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url');
}

/**
 * What the log holds of a key. Plain SHA-256, no salt and no slow hash: those protect words that people choose. A key is
 * 256 random bits, so nobody finds it from its hash however fast hashing is, and no two keys are alike.
 */
export function hashOfKey(key: string): string {
  return sha256Hex(key);
}

/** The first characters of a key, by which its owner knows it again. */
export function hintOfKey(key: string): string {
  return key.slice(0, API_KEY_PREFIX.length + HINT_CHARACTERS);
}

/** Whether this could be a key at all. */
export function isKeyText(text: string): boolean {
  return ApiKeyText.safeParse(text).success;
}
