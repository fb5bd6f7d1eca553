/** Hue in degrees, saturation and lightness in percent. */
export interface Hsl {
  readonly hue: number;
  readonly saturation: number;
  readonly lightness: number;
}

export const hsl = (hue: number, saturation: number, lightness: number): Hsl => ({ hue, saturation, lightness });

/** Moves lightness, and a little hue with it towards violet, as painters shade. */
export function shade(color: Hsl, by: number): Hsl {
  const lightness = Math.min(98, Math.max(4, color.lightness + by));
  const hue = by < 0 ? towards(color.hue, 265, 0.12) : color.hue;
  return { hue, saturation: color.saturation, lightness };
}

function towards(hue: number, target: number, share: number): number {
  const distance = ((target - hue + 540) % 360) - 180;
  return (hue + distance * share + 360) % 360;
}

export function css(color: Hsl, opacity = 1): string {
  const { hue, saturation, lightness } = color;
  const [red, green, blue] = [0, 8, 4].map((offset) => channel(offset, hue, saturation / 100, lightness / 100));
  return opacity === 1 ? `rgb(${red},${green},${blue})` : `rgba(${red},${green},${blue},${opacity})`;
}

/** HSL to RGB, CSS Color Module Level 4, section 7.1. */
function channel(offset: number, hue: number, saturation: number, lightness: number): number {
  const k = (offset + hue / 30) % 12;
  const amplitude = saturation * Math.min(lightness, 1 - lightness);
  return Math.round(255 * (lightness - amplitude * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
}

/** Line colour of a surface: its own, dark and warm, never black. */
export const ink = (color: Hsl): string =>
  css({ ...shade(color, -46), lightness: Math.max(9, color.lightness * 0.28) });
