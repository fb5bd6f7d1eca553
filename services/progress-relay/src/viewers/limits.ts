/** How much patience and memory a viewer gets. Times in ms, sizes in bytes. */
export interface Limits {
  /** Above this, unsent bytes make a viewer slow: what comes then waits, and becomes one message. */
  readonly highWater: number;
  /** A viewer that takes nothing for so long, while something waits for it, is closed (1013). */
  readonly stallMs: number;
  /** Every so often a ping; without an answer before the next one the connection is dead. */
  readonly pingMs: number;
  /** A viewer of a job that has ended is closed (1000) when nothing was sent for so long. */
  readonly idleMs: number;
  /** What does not close politely within this time is cut off. */
  readonly closeGraceMs: number;
  /** How often all this is looked at, and whether a viewer's key still holds: a revoked one opens nothing after a second. */
  readonly sweepMs: number;
}

export const LIMITS: Limits = {
  highWater: 64 * 1024,
  stallMs: 30_000,
  pingMs: 20_000,
  idleMs: 10 * 60_000,
  closeGraceMs: 3_000,
  sweepMs: 500,
};
