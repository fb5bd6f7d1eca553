import { mix } from '../picture/float32.js';
import { crop, edges, pasted } from '../picture/raster.js';
import { randomFor } from '../picture/random.js';
import { drawPose } from '../picture/pose-sheet.js';
import { mapped, remembering, resized, stillMask } from './batches.js';
import { times } from './images.js';
import { NodeExecutionError } from './node-errors.js';
import type { NodeBehaviour } from './node-kind.js';
import { kSamplerJob, sample } from './samplers.js';
import { type ImageBatch, type Latent, linkedInput, type MaskBatch, numberInput, stringInput } from './values.js';

const IMAGE_SCALE = { spatial: 8, temporal: 1 } as const;

/** Models that work on finished pictures: upscalers, detailers, interpolators, detectors of lines and poses. */
export const ENHANCERS: Readonly<Record<string, NodeBehaviour>> = {
  ImageUpscaleWithModel: {
    async execute(inputs, { gpu }) {
      const { file } = linkedInput(inputs, 'upscale_model', 'UPSCALE_MODEL');
      const image = linkedInput(inputs, 'image', 'IMAGE');
      const larger = times(image, factorOf(file));
      await gpu.run('upscale', [file], larger.width * larger.height, () => undefined);
      return { outputs: [resized(image, larger)] };
    },
  },

  /** Enlarges, then samples tile by tile; the steps of all tiles are one progress bar. */
  UltimateSDUpscale: {
    async execute(inputs, context) {
      const image = linkedInput(inputs, 'image', 'IMAGE');
      const { file } = linkedInput(inputs, 'upscale_model', 'UPSCALE_MODEL');
      const larger = times(image, numberInput(inputs, 'upscale_by'));
      await context.gpu.run('upscale', [file], larger.width * larger.height, () => undefined);
      const content = resized(image, larger);
      const tiles =
        Math.ceil(larger.width / numberInput(inputs, 'tile_width')) *
        Math.ceil(larger.height / numberInput(inputs, 'tile_height'));
      const job = kSamplerJob(inputs, {}, latentOf(content));
      const { content: sampled = content } = await sample({ ...job, steps: job.steps * tiles }, context);
      return { outputs: [sampled] };
    },
  },

  /** Draws the face anew. Where a face is cannot be seen here: it is taken to be in the upper middle. */
  FaceDetailer: {
    async execute(inputs, context) {
      const image = linkedInput(inputs, 'image', 'IMAGE');
      context.gpu.load([linkedInput(inputs, 'bbox_detector', 'BBOX_DETECTOR').file]);
      const area = faceArea(image, numberInput(inputs, 'bbox_crop_factor'));
      const cropped = mapped(image, (pixels) => crop(pixels, image, area), area);
      const job = kSamplerJob(inputs, {}, latentOf(cropped));
      const { content: refined = cropped } = await sample(
        { ...job, steps: job.steps * numberInput(inputs, 'cycle') * image.count },
        context,
      );
      const detailed = mapped(image, async (pixels, index) => pasted(pixels, image, await refined.frame(index), area));
      const grey: ImageBatch = {
        ...image,
        width: 64,
        height: 64,
        count: 1,
        frame: () => Promise.resolve(Buffer.alloc(64 * 64 * 3)),
      };
      const model = linkedInput(inputs, 'model', 'MODEL');
      return { outputs: [detailed, refined, refined, areaMask(image, area), { type: 'DETAILER_PIPE', model }, grey] };
    },
  },

  /** Between two frames come `multiplier - 1` new ones, mixed of both. */
  'RIFE VFI': {
    execute(inputs, { gpu }) {
      const frames = remembering(linkedInput(inputs, 'frames', 'IMAGE'));
      if (frames.count < 2) {
        const message = `VFI model require at least 2 frames to work with, only found ${frames.count}.`;
        throw new NodeExecutionError('AssertionError', message);
      }
      gpu.load([stringInput(inputs, 'ckpt_name')]);
      const multiplier = numberInput(inputs, 'multiplier');
      const frame = async (index: number): Promise<Buffer> => {
        const before = await frames.frame(Math.floor(index / multiplier));
        const share = (index % multiplier) / multiplier;
        return share === 0 ? before : mix(before, await frames.frame(Math.floor(index / multiplier) + 1), share);
      };
      return { outputs: [{ ...frames, count: (frames.count - 1) * multiplier + 1, frame }] };
    },
  },

  AnimeLineArtPreprocessor: {
    execute(inputs) {
      const image = atResolution(linkedInput(inputs, 'image', 'IMAGE'), inputs);
      return { outputs: [remembering(mapped(image, (pixels) => edges(pixels, image)))] };
    },
  },

  /** One person whose pose follows from the picture's bytes, as nothing here can see. */
  DWPreprocessor: {
    execute(inputs, { gpu }) {
      gpu.load([stringInput(inputs, 'bbox_detector'), stringInput(inputs, 'pose_estimator')]);
      const image = atResolution(linkedInput(inputs, 'image', 'IMAGE'), inputs);
      const posed = remembering(mapped(image, (pixels) => drawPose(image, randomFor(pixels.toString('base64')))));
      return { outputs: [posed, { type: 'POSE_KEYPOINT', people: 1 }] };
    },
  },
};

/** The factor in the file's name (`x4`, `2x`), four when it has none. */
function factorOf(file: string): number {
  const match = /(?:^|[^a-z])x([248])|([248])x/i.exec(file);
  return Number(match?.[1] ?? match?.[2] ?? 4);
}

function latentOf(content: ImageBatch): Latent {
  const { width, height, count } = content;
  return { type: 'LATENT', width, height, count, scale: IMAGE_SCALE, content };
}

/** The shorter side gets the resolution that was asked for, both are multiples of 64. */
function atResolution(image: ImageBatch, inputs: Readonly<Record<string, unknown>>): ImageBatch {
  const resolution = typeof inputs['resolution'] === 'number' ? inputs['resolution'] : 512;
  const factor = resolution / Math.min(image.width, image.height);
  const rounded = (pixels: number): number => Math.max(64, Math.round((pixels * factor) / 64) * 64);
  return resized(image, { width: rounded(image.width), height: rounded(image.height) });
}

interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The face's box, enlarged by the crop factor and kept inside the picture. */
function faceArea({ width, height }: ImageBatch, factor: number): Area {
  const side = Math.min(width, height) * 0.25 * factor;
  const wide = Math.max(1, Math.min(width, Math.round(side)));
  const high = Math.max(1, Math.min(height, Math.round(side)));
  const top = Math.round(Math.max(0, Math.min(height - high, height * 0.35 - high / 2)));
  return { left: Math.round((width - wide) / 2), top, width: wide, height: high };
}

function areaMask({ width, height }: ImageBatch, area: Area): MaskBatch {
  const mask = Buffer.alloc(width * height);
  for (let y = area.top; y < area.top + area.height; y += 1) {
    mask.fill(255, y * width + area.left, y * width + area.left + area.width);
  }
  return stillMask(mask, { width, height });
}
