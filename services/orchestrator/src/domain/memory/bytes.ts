const GB = 1e9;

/**
 * Sizes are compared as whole bytes: a size in GB that came from bytes is a hair more or less than it was.
 * @param gb in 10^9 bytes
 */
export function bytesOf(gb: number): number {
  return Math.round(gb * GB);
}

/** @returns 10^9 bytes; `bytesOf` gives the same bytes again */
export function gbOf(bytes: number): number {
  return bytes / GB;
}
