import type { SamplingRecipe } from '../picture/recipe.js';
import { NodeExecutionError } from './node-errors.js';

/** A batch of pictures. Frames are drawn when asked for, so that a long animation need not lie in memory twice. */
export interface ImageBatch {
  readonly type: 'IMAGE';
  readonly width: number;
  readonly height: number;
  readonly count: number;
  /** Raw interleaved RGB, 8 bits per channel, `width * height * 3` bytes. */
  frame(index: number): Promise<Buffer>;
}

/** A batch of masks: 255 where a change is wanted. */
export interface MaskBatch {
  readonly type: 'MASK';
  readonly width: number;
  readonly height: number;
  readonly count: number;
  /** One byte per pixel, `width * height` bytes. */
  frame(index: number): Promise<Buffer>;
}

/** How many pixels and frames one latent cell stands for. */
export interface LatentScale {
  readonly spatial: number;
  readonly temporal: number;
}

export interface Latent {
  readonly type: 'LATENT';
  /** Of the decoded pictures, always a multiple of the spatial scale. */
  readonly width: number;
  readonly height: number;
  /** Of the decoded pictures: for video a multiple of the temporal scale plus one. */
  readonly count: number;
  readonly scale: LatentScale;
  /** What decoding gives; undefined while the latent is empty. */
  readonly content?: ImageBatch;
  /** Sampling changes only what this mask allows. */
  readonly noiseMask?: MaskBatch;
  /** Pictures the clip starts from, where a node puts them into the latent and not into the conditioning. */
  readonly guides?: readonly Guide[];
  /** Set while a sampler has left noise for the next one to remove. */
  readonly unfinished?: UnfinishedSampling;
}

export interface UnfinishedSampling {
  readonly recipe: SamplingRecipe;
  readonly base: ImageBatch | undefined;
}

/** A picture that guides sampling. */
export interface Guide {
  readonly image: ImageBatch;
  /** 0 to 1 */
  readonly weight: number;
  /** Over the whole clip, or fading away from its first or last frame. */
  readonly place: 'whole' | 'start' | 'end';
}

export interface Model {
  readonly type: 'MODEL';
  readonly file: string;
  /** What changes the drawing besides the file: LoRAs, sampling modes, motion modules. */
  readonly patches: readonly string[];
  readonly guides: readonly Guide[];
  /** Files that must lie in video memory with it. */
  readonly files: readonly string[];
}

export interface Conditioning {
  readonly type: 'CONDITIONING';
  readonly text: string;
  /** What changes the drawing besides the text. */
  readonly patches: readonly string[];
  readonly guides: readonly Guide[];
  /** Files of networks that take part in sampling, such as a ControlNet. */
  readonly files: readonly string[];
}

export interface Vae {
  readonly type: 'VAE';
  readonly file: string;
  readonly scale: LatentScale;
}

export interface Audio {
  readonly type: 'AUDIO';
  readonly sampleRate: number;
  readonly channels: number;
  /** Signed 16 bit little endian, channels interleaved. */
  readonly pcm: Buffer;
}

export interface Video {
  readonly type: 'VIDEO';
  readonly images: ImageBatch;
  readonly fps: number;
  readonly audio: Audio | undefined;
}

/** Stops everything behind it: with a message loudly, without one silently. */
export interface ExecutionBlocker {
  readonly type: 'BLOCKER';
  readonly message: string | null;
}

/** Types that only carry a file or settings from a loader to the node that uses them. */
type Carrier =
  | { readonly type: 'CLIP'; readonly files: readonly string[]; readonly patches: readonly string[] }
  | { readonly type: 'CLIP_VISION'; readonly file: string }
  | { readonly type: 'CLIP_VISION_OUTPUT'; readonly image: ImageBatch }
  | { readonly type: 'CONTROL_NET'; readonly file: string }
  | { readonly type: 'UPSCALE_MODEL'; readonly file: string }
  | { readonly type: 'BBOX_DETECTOR'; readonly file: string }
  | { readonly type: 'SEGM_DETECTOR'; readonly file: string }
  | { readonly type: 'IPADAPTER'; readonly files: readonly string[] }
  | { readonly type: 'MOTION_MODEL_ADE'; readonly file: string }
  | { readonly type: 'M_MODELS'; readonly file: string }
  | { readonly type: 'CONTEXT_OPTIONS'; readonly length: number }
  | { readonly type: 'FramePackMODEL'; readonly file: string }
  | { readonly type: 'SAMPLER'; readonly name: string }
  | { readonly type: 'SIGMAS'; readonly scheduler: string; readonly steps: number; readonly denoise: number }
  | { readonly type: 'NOISE'; readonly seed: number }
  | { readonly type: 'GUIDER'; readonly model: Model; readonly positive: Conditioning; readonly cfg: number }
  | { readonly type: 'POSE_KEYPOINT'; readonly people: number }
  | { readonly type: 'DETAILER_PIPE'; readonly model: Model }
  | { readonly type: 'VHS_VIDEOINFO'; readonly fps: number; readonly frames: number }
  | { readonly type: 'VHS_FILENAMES'; readonly files: readonly string[] };

/** Inputs after links were replaced by the values that stand behind them. */
export type NodeInputs = Readonly<Record<string, unknown>>;

/** What travels over a link and has a shape of its own. */
export type TypedValue =
  | ImageBatch
  | MaskBatch
  | Latent
  | Model
  | Conditioning
  | Vae
  | Audio
  | Video
  | ExecutionBlocker
  | Carrier;

/** What travels over a link. */
export type Value = TypedValue | number | string | boolean;

type ValueOf<T extends TypedValue['type']> = Extract<TypedValue, { type: T }>;

/** Reads a linked input. @throws NodeExecutionError (TypeError) when something else is there */
export function linkedInput<T extends TypedValue['type']>(inputs: NodeInputs, name: string, type: T): ValueOf<T> {
  const value = inputs[name];
  if (isValue(value, type)) return value;
  throw new NodeExecutionError('TypeError', `input ${name} is not a ${type}`);
}

/** Reads a linked input that may be left out. @throws NodeExecutionError (TypeError) when something else is there */
export function optionalInput<T extends TypedValue['type']>(
  inputs: NodeInputs,
  name: string,
  type: T,
): ValueOf<T> | undefined {
  return inputs[name] === undefined ? undefined : linkedInput(inputs, name, type);
}

export function isValue<T extends TypedValue['type']>(value: unknown, type: T): value is ValueOf<T> {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === type;
}

/** Any value that can stand on a link, for nodes that take everything. */
export function anyInput(inputs: NodeInputs, name: string): Value {
  const value = inputs[name];
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value;
  // What is no widget value came over a link, and only typed values travel there.
  if (typeof value === 'object' && value !== null && 'type' in value) return value as TypedValue;
  throw new NodeExecutionError('TypeError', `input ${name} is missing`);
}

/** Reads a widget input; validation has converted it before. */
export function numberInput(inputs: NodeInputs, name: string): number {
  const value = inputs[name];
  if (typeof value === 'number') return value;
  throw new NodeExecutionError('TypeError', `input ${name} is not a number`);
}

export function stringInput(inputs: NodeInputs, name: string): string {
  const value = inputs[name];
  if (typeof value === 'string') return value;
  throw new NodeExecutionError('TypeError', `input ${name} is not a string`);
}

export function booleanInput(inputs: NodeInputs, name: string): boolean {
  return inputs[name] === true;
}
