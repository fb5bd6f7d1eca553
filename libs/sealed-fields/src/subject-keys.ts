import type { Sealed } from '@anime/contracts';

/** The longest text that can be sealed, in bytes of UTF-8: an event has room for a few of them. */
export const MAX_SEALED_BYTES = 32 * 1024;

/**
 * Seals personal text with the key of the person that it is about, its subject (law 11). It belongs to the shell: what a
 * decider gets is sealed already. Whoever removes a subject's key has erased all that was sealed with it, wherever it lies.
 */
export interface SubjectKeys {
  /**
   * Encrypts a text; the subject's first text makes its key. The key is durable when the promise resolves.
   * @throws ProblemError `validation-failed` (longer than `MAX_SEALED_BYTES`, or half of a surrogate pair),
   *   `key-damaged`, `storage-failed`
   */
  seal(subject: string, text: string): Promise<Sealed>;
  /**
   * Decrypts a text; undefined when the key that sealed it is gone: then nobody can read it any more.
   * @throws ProblemError `seal-broken` when it is not what that key sealed for this subject, `key-damaged`, `storage-failed`
   */
  open(sealed: Sealed): Promise<string | undefined>;
}
