import type { Hsl } from './color.js';

/** The canvas in drawing units: the shorter side is 512. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  /** Place in the loop, 0 to 1. */
  readonly phase: number;
}

/** Colours of one time of day. */
export interface Light {
  readonly sky: readonly [top: Hsl, middle: Hsl, bottom: Hsl];
  readonly sun: Hsl;
  readonly cloud: Hsl;
  /** Colour of the far landscape; nearer layers are darker. */
  readonly haze: Hsl;
  readonly land: Hsl;
  readonly isDark: boolean;
}
