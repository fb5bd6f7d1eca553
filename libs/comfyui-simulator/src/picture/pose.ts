/** How the figure moves at one moment of the loop. */
export interface Pose {
  /** Sideways pull on loose ends, in units. */
  readonly sway: number;
  /** 1 open, 0 closed. */
  readonly eyesOpen: number;
  readonly breath: number;
}

/** Eyes close and open again within this share of the loop. */
const BLINK_START = 0.62;
const BLINK_LENGTH = 0.16;

export function poseAt(phase: number): Pose {
  const turn = 2 * Math.PI * phase;
  const blink = (phase - BLINK_START) / BLINK_LENGTH;
  const closed = blink > 0 && blink < 1 ? Math.sin(Math.PI * blink) ** 0.7 : 0;
  return { sway: 7 * Math.sin(turn), eyesOpen: 1 - 0.96 * closed, breath: 1.6 * Math.sin(turn + 1) };
}
