/** What a blob is known by, and how long it is in bytes. */
export interface StoredBlob {
  /** SHA-256 of the content, lower-case hex: the blob's only name. */
  readonly sha256: string;
  readonly size: number;
}

/**
 * Immutable byte sequences named by their content (architecture §9). What `put` has answered is durable and whole; a
 * blob is never seen half written. Every read checks the content against the name.
 */
export interface BlobStore {
  /**
   * Stores the content and returns when it is durable. The same content twice is one blob.
   * @param source the bytes, or chunks of them; an iterable of any length is handled in flat memory
   * @throws ProblemError `storage-failed` (disk full, no permission…); nothing is left behind then, nor when `source` throws
   */
  put(source: Uint8Array | AsyncIterable<Uint8Array>): Promise<StoredBlob>;
  /**
   * The whole content.
   * @throws ProblemError `blob-not-found`, `blob-corrupt`, `storage-failed`
   */
  get(sha256: string): Promise<Uint8Array>;
  /**
   * The content in chunks, in flat memory. A blob that is not what its name says is only known to be so at its end: the
   * iteration then throws `blob-corrupt` behind the last chunk, so act on the content only when it has ended.
   * @throws ProblemError `blob-not-found`, `blob-corrupt`, `storage-failed`
   */
  stream(sha256: string): AsyncIterable<Uint8Array>;
  /** Its size without reading it, or undefined when there is no such blob. @throws ProblemError `storage-failed` */
  has(sha256: string): Promise<{ readonly size: number } | undefined>;
}
