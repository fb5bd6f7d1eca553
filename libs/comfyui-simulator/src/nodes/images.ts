import { inverted } from '../picture/float32.js';
import { blur, compressed, type Kernel } from '../picture/raster.js';
import type { Size } from '../picture/recipe.js';
import { mapped, resized, selected } from './batches.js';
import { compute } from './behaviours.js';
import { NodeExecutionError } from './node-errors.js';
import type { NodeBehaviour } from './node-kind.js';
import { booleanInput, type ImageBatch, linkedInput, type NodeInputs, numberInput, stringInput } from './values.js';

const KERNELS: Readonly<Record<string, Kernel>> = {
  'nearest-exact': 'nearest',
  bilinear: 'linear',
  area: 'linear',
  bicubic: 'cubic',
  bislerp: 'cubic',
  lanczos: 'lanczos3',
};

/** The kernel of a node's `upscale_method`. */
export function kernelOf(inputs: NodeInputs): Kernel {
  return KERNELS[stringInput(inputs, 'upscale_method')] ?? 'lanczos3';
}

/** Whole pictures in, whole pictures out, no model needed. */
export const IMAGES: Readonly<Record<string, NodeBehaviour>> = {
  EmptyImage: compute((inputs) => {
    const width = numberInput(inputs, 'width');
    const height = numberInput(inputs, 'height');
    const color = numberInput(inputs, 'color');
    const pixel = Buffer.from([(color >> 16) & 0xff, (color >> 8) & 0xff, color & 0xff]);
    const frame = (): Promise<Buffer> => Promise.resolve(Buffer.alloc(width * height * 3, pixel));
    return [{ type: 'IMAGE', width, height, count: numberInput(inputs, 'batch_size'), frame }];
  }),

  ImageInvert: compute((inputs) => [mapped(linkedInput(inputs, 'image', 'IMAGE'), inverted)]),

  ImageBlur: compute((inputs) => {
    const image = linkedInput(inputs, 'image', 'IMAGE');
    const sigma = Math.min(numberInput(inputs, 'sigma'), numberInput(inputs, 'blur_radius'));
    return [mapped(image, (pixels) => blur(pixels, image, sigma))];
  }),

  ImageScale: compute((inputs) => {
    const image = linkedInput(inputs, 'image', 'IMAGE');
    const to = completed({ width: numberInput(inputs, 'width'), height: numberInput(inputs, 'height') }, image);
    return [resized(image, to, kernelOf(inputs), stringInput(inputs, 'crop') === 'center' ? 'cover' : 'fill')];
  }),

  ImageScaleBy: compute((inputs) => {
    const image = linkedInput(inputs, 'image', 'IMAGE');
    return [resized(image, times(image, numberInput(inputs, 'scale_by')), kernelOf(inputs))];
  }),

  ImageScaleToTotalPixels: compute((inputs) => {
    const image = linkedInput(inputs, 'image', 'IMAGE');
    const factor = Math.sqrt((numberInput(inputs, 'megapixels') * 1024 * 1024) / (image.width * image.height));
    const step = numberInput(inputs, 'resolution_steps');
    const rounded = (pixels: number): number => Math.max(step, Math.round((pixels * factor) / step) * step);
    return [resized(image, { width: rounded(image.width), height: rounded(image.height) }, kernelOf(inputs))];
  }),

  /** Pictures of another size are fitted to the first ones. */
  ImageBatch: compute((inputs) => {
    const first = linkedInput(inputs, 'image1', 'IMAGE');
    const second = resized(linkedInput(inputs, 'image2', 'IMAGE'), first, 'linear', 'cover');
    const frame = (index: number): Promise<Buffer> =>
      index < first.count ? first.frame(index) : second.frame(index - first.count);
    return [{ ...first, count: first.count + second.count, frame }];
  }),

  ImageFromBatch: compute((inputs) => {
    const image = linkedInput(inputs, 'image', 'IMAGE');
    const index = numberInput(inputs, 'batch_index');
    const from = Math.min(image.count - 1, Math.max(0, index < 0 ? image.count + index : index));
    const length = Math.min(image.count - from, numberInput(inputs, 'length'));
    return [selected(image, range(from, from + length))];
  }),

  /** Indexes and slices as Python writes them: `-1`, `0:8`, `::2`, separated by commas. */
  VHS_SelectImages: compute((inputs) => {
    const image = linkedInput(inputs, 'image', 'IMAGE');
    const all = stringInput(inputs, 'indexes')
      .split(',')
      .filter((part) => part.trim() !== '')
      .flatMap((part) => indexesOf(part.trim(), image.count));
    const present = all.filter((index) => index >= 0 && index < image.count);
    if (booleanInput(inputs, 'err_if_missing') && present.length < all.length) {
      throw new NodeExecutionError('Exception', `Image indexes out of bounds for a batch of ${image.count}`);
    }
    if (present.length === 0) throw new NodeExecutionError('Exception', 'Nothing was selected');
    return [selected(image, present)];
  }),

  GetImageSize: {
    execute(inputs, context) {
      const { width, height, count } = linkedInput(inputs, 'image', 'IMAGE');
      context.sendText(`width: ${width}, height: ${height}\n batch size: ${count}`);
      return { outputs: [width, height, count] };
    },
  },

  /** What a video codec leaves of a picture; 0 leaves it alone. */
  LTXVPreprocess: compute((inputs) => {
    const image = linkedInput(inputs, 'image', 'IMAGE');
    const strength = numberInput(inputs, 'img_compression');
    if (strength === 0) return [image];
    return [mapped(image, (pixels) => compressed(pixels, image, Math.max(1, 100 - strength)))];
  }),

  /** A square of the size that vision encoders look at. */
  PrepImageForClipVision: compute((inputs) => {
    const image = linkedInput(inputs, 'image', 'IMAGE');
    const fit = stringInput(inputs, 'crop_position') === 'top' ? 'top' : 'cover';
    return [resized(image, { width: 224, height: 224 }, 'lanczos3', fit)];
  }),

  FramePackFindNearestBucket: compute((inputs) => {
    const { width, height } = nearestBucket(
      linkedInput(inputs, 'image', 'IMAGE'),
      numberInput(inputs, 'base_resolution'),
    );
    return [width, height];
  }),
};

/** A size some times as large, rounded as ComfyUI rounds. */
export function times({ width, height }: Size, factor: number): Size {
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/** Zero for one side keeps the picture's proportions, zero for both its size. */
function completed({ width, height }: Size, image: ImageBatch): Size {
  if (width === 0 && height === 0) return image;
  if (width === 0) return { width: Math.max(1, Math.round((image.width * height) / image.height)), height };
  if (height === 0) return { width, height: Math.max(1, Math.round((image.height * width) / image.width)) };
  return { width, height };
}

function range(from: number, to: number, step = 1): number[] {
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, index) => from + index * step);
}

function indexesOf(part: string, count: number): number[] {
  const numbers = part.split(':').map((word) => (word.trim() === '' ? undefined : Number.parseInt(word, 10)));
  const place = (index: number): number => (index < 0 ? count + index : index);
  const [first, end, step] = numbers;
  if (numbers.length === 1) return first === undefined || Number.isNaN(first) ? [] : [place(first)];
  return range(place(first ?? 0), Math.min(count, place(end ?? count)), Math.max(1, step ?? 1));
}

/** Width and height pairs FramePack was trained with at 640, narrow to wide; other resolutions scale them. */
const BUCKETS: readonly (readonly [width: number, height: number])[] = [
  [416, 960],
  [448, 864],
  [480, 832],
  [512, 768],
  [544, 704],
  [576, 672],
  [608, 640],
  [640, 608],
  [672, 576],
  [704, 544],
  [768, 512],
  [832, 480],
  [864, 448],
  [960, 416],
];

/** The bucket whose proportions are nearest to the picture's. */
function nearestBucket(image: Size, resolution: number): Size {
  const scaled = (pixels: number): number => Math.max(16, Math.round((pixels * resolution) / 640 / 16) * 16);
  const distance = ([width, height]: readonly [number, number]): number =>
    Math.abs(Math.log(width / height) - Math.log(image.width / image.height));
  const [width, height] = BUCKETS.reduce((best, bucket) => (distance(bucket) < distance(best) ? bucket : best));
  return { width: scaled(width), height: scaled(height) };
}
