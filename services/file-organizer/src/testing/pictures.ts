import sharp from 'sharp';

/** A PNG of this size whose content depends on `seed`. */
export async function png(width: number, height: number, seed = 1): Promise<Uint8Array> {
  return sharp({ create: { width, height, channels: 3, background: { r: seed % 256, g: 80, b: 160 } } })
    .png()
    .toBuffer();
}

/** A lossless PNG that cannot be compressed: about width × height × 3 bytes. */
export async function noisePng(width: number, height: number): Promise<Uint8Array> {
  let state = 1;
  const pixels = Buffer.alloc(width * height * 3);
  for (let i = 0; i < pixels.length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    pixels[i] = state >>> 24;
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** An animated WebP of this many frames. */
export async function animatedWebp(width: number, height: number, frames: number): Promise<Uint8Array> {
  const stills = await Promise.all(Array.from({ length: frames }, (_, i) => png(width, height, 40 * i)));
  return sharp(
    stills.map((still) => Buffer.from(still)),
    { join: { animated: true } },
  )
    .webp({ lossless: true })
    .toBuffer();
}
