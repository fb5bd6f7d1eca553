import { mix, mixByMask } from '../picture/float32.js';
import { blur, resizeMask } from '../picture/raster.js';
import type { SamplingRecipe } from '../picture/recipe.js';
import { renderFrame } from '../picture/render.js';
import { resized } from './batches.js';
import type { Guide, ImageBatch, Latent } from './values.js';

/** How much of a guide shows through at full weight: enough to be measured, too little to hide the drawing. */
const GUIDE_SHARE = { whole: 0.35, start: 1, end: 1 } as const;

/**
 * What a sampler makes of a latent: the recipe's drawing, mixed with the pictures that were in the latent as far as
 * `denoise` leaves them, with the guides laid over it, and only where the noise mask allows.
 */
export function sampledImages(
  latent: Latent,
  recipe: SamplingRecipe,
  guides: readonly Guide[],
  base: ImageBatch | undefined = latent.content,
): ImageBatch {
  const { width, height, count, noiseMask } = latent;
  const size = { width, height };
  const below = base === undefined ? undefined : resized(base, size);
  const laid = guides.map((guide) => ({ ...guide, image: resized(guide.image, size, 'lanczos3', 'cover') }));
  const frame = async (index: number): Promise<Buffer> => {
    let pixels = await renderFrame(recipe, size, { index, count });
    for (const guide of laid) {
      const share = guideShare(guide, index, count);
      if (share <= 0) continue;
      const shown = await guide.image.frame(Math.min(index, guide.image.count - 1));
      // Of a guide for the whole clip only colours and rough shapes come through.
      const shape = guide.place === 'whole' ? await blur(shown, size, Math.max(1, width / 64)) : shown;
      pixels = mix(pixels, shape, share);
    }
    if (below === undefined) return pixels;
    const before = await below.frame(Math.min(index, below.count - 1));
    const changed = recipe.denoise >= 1 ? pixels : mix(before, pixels, recipe.denoise);
    if (noiseMask === undefined) return changed;
    const mask = await resizeMask(await noiseMask.frame(Math.min(index, noiseMask.count - 1)), noiseMask, size);
    return mixByMask(before, changed, mask);
  };
  return { type: 'IMAGE', width, height, count, frame };
}

/** A start picture is the first frame and fades by the square of time; an end picture does so backwards. */
function guideShare({ place, weight }: Guide, index: number, count: number): number {
  const strength = Math.min(1, Math.max(0, weight)) * GUIDE_SHARE[place];
  if (place === 'whole') return strength;
  const phase = count === 1 ? 0 : index / (count - 1);
  return strength * (place === 'start' ? 1 - phase : phase) ** 2;
}
