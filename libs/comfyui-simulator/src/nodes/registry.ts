import { checkpointLoaderSimple } from './checkpoint-loader-simple.js';
import { clipTextEncode } from './clip-text-encode.js';
import { emptyImage } from './empty-image.js';
import { emptyLatentImage } from './empty-latent-image.js';
import { imageInvert } from './image-invert.js';
import { kSampler } from './k-sampler.js';
import type { NodeKind } from './node-kind.js';
import { previewImage } from './preview-image.js';
import { saveAnimatedWebp } from './save-animated-webp.js';
import { saveImage } from './save-image.js';
import { vaeDecode } from './vae-decode.js';

/** Every node class the simulator knows. */
export const NODE_KINDS: ReadonlyMap<string, NodeKind> = new Map([
  ['KSampler', kSampler],
  ['CheckpointLoaderSimple', checkpointLoaderSimple],
  ['CLIPTextEncode', clipTextEncode],
  ['VAEDecode', vaeDecode],
  ['EmptyLatentImage', emptyLatentImage],
  ['SaveImage', saveImage],
  ['PreviewImage', previewImage],
  ['EmptyImage', emptyImage],
  ['ImageInvert', imageInvert],
  ['SaveAnimatedWEBP', saveAnimatedWebp],
]);
