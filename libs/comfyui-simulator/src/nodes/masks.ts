import { toByte } from '../picture/float32.js';
import { grown, maskToRgb } from '../picture/raster.js';
import { stillMask } from './batches.js';
import { compute } from './behaviours.js';
import type { NodeBehaviour } from './node-kind.js';
import { savePreviews } from './save-images.js';
import { type ImageBatch, linkedInput, type MaskBatch, numberInput } from './values.js';

/** Masks are one byte per pixel: 255 where a change is wanted. */
export const MASKS: Readonly<Record<string, NodeBehaviour>> = {
  SolidMask: compute((inputs) => [solid(inputs)]),
  /** Part of the expanded testing nodes. */
  StubMask: compute((inputs) => [{ ...solid(inputs), count: numberInput(inputs, 'batch_size') }]),

  /** Whether corners are tapered is not told apart: both grow by a square. */
  GrowMask: compute((inputs) => {
    const mask = linkedInput(inputs, 'mask', 'MASK');
    const by = numberInput(inputs, 'expand');
    if (by === 0) return [mask];
    return [{ ...mask, frame: async (index: number) => grown(await mask.frame(index), mask, by) }];
  }),

  MaskPreview: {
    async execute(inputs, context) {
      const mask = linkedInput(inputs, 'mask', 'MASK');
      const images = maskImages(mask);
      return { outputs: [mask], ui: { images: await savePreviews(images, context), animated: [false] } };
    },
  },
};

/** The mask as grey pictures. */
export function maskImages(mask: MaskBatch): ImageBatch {
  return { ...mask, type: 'IMAGE', frame: async (index) => maskToRgb(await mask.frame(index)) };
}

function solid(inputs: Readonly<Record<string, unknown>>): MaskBatch {
  const width = numberInput(inputs, 'width');
  const height = numberInput(inputs, 'height');
  const value = toByte(numberInput(inputs, 'value'));
  return stillMask(Buffer.alloc(width * height, value), { width, height });
}
