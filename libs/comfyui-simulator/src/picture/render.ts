import sharp, { type Sharp } from 'sharp';
import { design } from './design.js';
import type { FramePlace, SamplingRecipe, Size } from './recipe.js';
import { drawScene } from './scene.js';

/** Longer side of a preview, the default of ComfyUI's --preview-size. */
const PREVIEW_SIZE = 512;
/** Previews are drawn this small and enlarged: that is what a latent looks like. */
const PREVIEW_DRAWN_SIZE = 128;
/** Steps after which a picture counts as nearly finished. */
const CONVERGENCE_STEPS = 5;

/**
 * How much of the picture is still undone after some steps, 1 to 0. An exponential, because each step of a sampler
 * removes a share of the noise that is left.
 */
export function remainingNoise(steps: number, denoise = 1): number {
  return 1 - (1 - Math.exp(-steps / CONVERGENCE_STEPS)) * denoise;
}

/** Draws one finished picture. @returns raw RGB, `width * height * 3` bytes, the same for the same arguments */
export async function renderFrame(recipe: SamplingRecipe, size: Size, place: FramePlace): Promise<Buffer> {
  const svg = drawScene(design(recipe), size, place.index / place.count);
  const noise = remainingNoise(recipe.steps, recipe.denoise);
  return withNoise(rasterise(svg), size, noise, recipe.cfg).removeAlpha().raw().toBuffer();
}

/** A JPEG of the state after `step` of the recipe's steps. */
export async function renderPreview(recipe: SamplingRecipe, size: Size, step: number): Promise<Buffer> {
  const longer = Math.max(size.width, size.height);
  const scaled = (to: number): Size => ({
    width: Math.max(1, Math.round((size.width * to) / longer)),
    height: Math.max(1, Math.round((size.height * to) / longer)),
  });
  const drawn = scaled(PREVIEW_DRAWN_SIZE);
  const svg = drawScene(design(recipe), drawn, 0);
  const share = step / recipe.steps;
  const noise = Math.max(remainingNoise(recipe.steps, recipe.denoise), remainingNoise(share * 20, recipe.denoise));
  const { data, info } = await withNoise(rasterise(svg), drawn, noise, recipe.cfg)
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const target = scaled(PREVIEW_SIZE);
  return sharp(data, { raw: { width: info.width, height: info.height, channels: 3 } })
    .resize(target.width, target.height, { fit: 'fill', kernel: 'linear' })
    .jpeg({ quality: 95 })
    .toBuffer();
}

function rasterise(svg: string): Sharp {
  return sharp(Buffer.from(svg), { limitInputPixels: false });
}

/**
 * Under-sampling as blur, greyness and low contrast, so that both sharpness and colourfulness fall; real noise would
 * raise the variance of the Laplacian. Guidance (cfg) below or above 7 takes or adds colour.
 */
function withNoise(picture: Sharp, size: Size, noise: number, cfg: number): Sharp {
  const sigma = noise ** 1.5 * 0.05 * Math.min(size.width, size.height);
  const guidance = 0.72 + 0.28 * Math.min(2, cfg / 7);
  const saturation = guidance * (1 - 0.8 * noise);
  const contrast = 1 - 0.55 * noise;
  const blurred = sigma > 0.3 ? picture.blur(sigma) : picture;
  return blurred.modulate({ saturation }).linear(contrast, 128 * (1 - contrast));
}
