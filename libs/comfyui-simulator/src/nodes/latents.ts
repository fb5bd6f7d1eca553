import { crop } from '../picture/raster.js';
import { mapped, resized } from './batches.js';
import { compute } from './behaviours.js';
import type { NodeBehaviour, NodeContext, NodeResult } from './node-kind.js';
import { type ImageBatch, type Latent, type LatentScale, linkedInput, type NodeInputs, numberInput } from './values.js';
import { kernelOf } from './images.js';

/** Latents in and out of pixels. A latent knows its size and count in pixels and what its cells stand for. */
export const LATENTS: Readonly<Record<string, NodeBehaviour>> = {
  EmptyLatentImage: compute((inputs) => [emptyLatent(inputs, { spatial: 8, temporal: 1 })]),
  ADE_EmptyLatentImageLarge: compute((inputs) => [emptyLatent(inputs, { spatial: 8, temporal: 1 })]),
  EmptyHunyuanLatentVideo: compute((inputs) => [emptyLatent(inputs, { spatial: 8, temporal: 4 })]),
  EmptyLTXVLatentVideo: compute((inputs) => [emptyLatent(inputs, { spatial: 32, temporal: 8 })]),

  LatentUpscaleBy: compute((inputs) => {
    const latent = linkedInput(inputs, 'samples', 'LATENT');
    const by = numberInput(inputs, 'scale_by');
    const cells = (pixels: number): number => Math.round((pixels / latent.scale.spatial) * by) * latent.scale.spatial;
    const size = { width: cells(latent.width), height: cells(latent.height) };
    const { content } = latent;
    const kernel = kernelOf(inputs);
    return [{ ...latent, ...size, ...(content === undefined ? {} : { content: resized(content, size, kernel) }) }];
  }),

  VAEEncode: { execute: (inputs, context) => encode(inputs, context, Number.POSITIVE_INFINITY) },
  /** Needs memory for one tile only. */
  VAEEncodeTiled: { execute: (inputs, context) => encode(inputs, context, tileOf(inputs)) },

  VAEDecode: { execute: (inputs, context) => decode(inputs, context, Number.POSITIVE_INFINITY) },
  /** Needs memory for one tile only. */
  VAEDecodeTiled: {
    execute: (inputs, context) => decode(inputs, context, tileOf(inputs)),
  },
};

/** The pixels of one tile. */
function tileOf(inputs: NodeInputs): number {
  return numberInput(inputs, 'tile_size') ** 2 * numberInput(inputs, 'temporal_size');
}

/** @param tile pixels that are encoded at a time */
async function encode(inputs: NodeInputs, { gpu }: NodeContext, tile: number): Promise<NodeResult> {
  const { file, scale } = linkedInput(inputs, 'vae', 'VAE');
  const all = croppedForVae(linkedInput(inputs, 'pixels', 'IMAGE'), scale.spatial);
  // A video latent holds a first frame and groups of frames; what does not fill a group is cut off.
  const content = { ...all, count: framesOf(all.count, scale) };
  const { width, height, count } = content;
  await gpu.run('encode', [file], Math.min(tile, width * height * count), () => undefined);
  return { outputs: [{ type: 'LATENT', width, height, count, scale, content }] };
}

/** An empty latent of the node's width, height, length and batch size; odd sizes are rounded down as in ComfyUI. */
export function emptyLatent(inputs: NodeInputs, scale: LatentScale): Latent {
  const cells = (pixels: number): number => Math.floor(pixels / scale.spatial) * scale.spatial;
  const frames = scale.temporal === 1 ? 1 : framesOf(numberInput(inputs, 'length'), scale);
  return {
    type: 'LATENT',
    width: cells(numberInput(inputs, 'width')),
    height: cells(numberInput(inputs, 'height')),
    count: frames * numberInput(inputs, 'batch_size'),
    scale,
  };
}

/** The frames a video latent of this length decodes to: 4n+1 for Wan and Hunyuan, 8n+1 for LTX. */
export function framesOf(length: number, { temporal }: LatentScale): number {
  return temporal === 1 ? length : Math.floor((length - 1) / temporal) * temporal + 1;
}

/** The middle of pictures whose sides are no multiple of the VAE's scale. */
export function croppedForVae(images: ImageBatch, spatial: number): ImageBatch {
  const width = Math.floor(images.width / spatial) * spatial;
  const height = Math.floor(images.height / spatial) * spatial;
  if (width === images.width && height === images.height) return images;
  const left = Math.floor((images.width - width) / 2);
  const top = Math.floor((images.height - height) / 2);
  return mapped(images, (pixels) => crop(pixels, images, { left, top, width, height }), { width, height });
}

/** The pictures of a latent, drawn when a node asks for them; grey where nothing was sampled. */
async function decode(
  inputs: NodeInputs,
  { gpu }: NodeContext,
  mostPixels: number,
): Promise<{ outputs: readonly ImageBatch[] }> {
  const { width, height, count, content } = linkedInput(inputs, 'samples', 'LATENT');
  const { file } = linkedInput(inputs, 'vae', 'VAE');
  await gpu.run('decode', [file], Math.min(mostPixels, width * height * count), () => undefined);
  const grey = (): Promise<Buffer> => Promise.resolve(Buffer.alloc(width * height * 3, 128));
  return { outputs: [content ?? { type: 'IMAGE', width, height, count, frame: grey }] };
}
