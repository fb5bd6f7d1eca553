import { type Fields, pick } from './behaviours.js';
import { NodeExecutionError } from './node-errors.js';
import type { NodeBehaviour } from './node-kind.js';
import { type LatentScale, linkedInput, type Model, numberInput, stringInput, type Vae } from './values.js';

const IMAGE_SCALE: LatentScale = { spatial: 8, temporal: 1 };
const WAN_22_SCALE: LatentScale = { spatial: 16, temporal: 4 };
const VIDEO_SCALE: LatentScale = { spatial: 8, temporal: 4 };
const LTX_SCALE: LatentScale = { spatial: 32, temporal: 8 };

/** The latent scale of a family of models, read from the file's name as there is nothing else to read. */
export function scaleOf(file: string): LatentScale {
  if (/ltx/i.test(file)) return LTX_SCALE;
  if (/wan_?2\.2.*vae/i.test(file)) return WAN_22_SCALE;
  if (/wan|hunyuan/i.test(file)) return VIDEO_SCALE;
  return IMAGE_SCALE;
}

const model = (file: string): Model => ({ type: 'MODEL', file, patches: [], guides: [], files: [file] });
const vae = (file: string): Vae => ({ type: 'VAE', file, scale: scaleOf(file) });
const clip = (...files: readonly string[]): Fields<'CLIP'> => ({ type: 'CLIP', files, patches: [] });

/** Loaders name their files; a file comes into video memory when something works with it. */
export const LOADERS: Readonly<Record<string, NodeBehaviour>> = {
  CheckpointLoaderSimple: pick(['ckpt_name'], (file) => [model(file), clip(file), vae(file)]),
  ImageOnlyCheckpointLoader: pick(['ckpt_name'], (file) => [model(file), { type: 'CLIP_VISION', file }, vae(file)]),
  UNETLoader: pick(['unet_name'], (file) => [model(file)]),
  VAELoader: pick(['vae_name'], (file) => [vae(file)]),
  CLIPLoader: pick(['clip_name'], (file) => [clip(file)]),
  DualCLIPLoader: pick(['clip_name1', 'clip_name2'], (first, second) => [clip(first, second)]),
  CLIPVisionLoader: pick(['clip_name'], (file) => [{ type: 'CLIP_VISION', file }]),
  ControlNetLoader: pick(['control_net_name'], (file) => [{ type: 'CONTROL_NET', file }]),
  UpscaleModelLoader: pick(['model_name'], (file) => [{ type: 'UPSCALE_MODEL', file }]),
  LoadFramePackModel: pick(['model'], (file) => [{ type: 'FramePackMODEL', file }]),
  ADE_LoadAnimateDiffModel: pick(['model_name'], (file) => [{ type: 'MOTION_MODEL_ADE', file }]),
  UltralyticsDetectorProvider: pick(['model_name'], (file) => [
    { type: 'BBOX_DETECTOR', file },
    { type: 'SEGM_DETECTOR', file },
  ]),

  LoraLoader: {
    execute(inputs) {
      const patched = withLora(linkedInput(inputs, 'model', 'MODEL'), inputs, 'strength_model');
      const words = linkedInput(inputs, 'clip', 'CLIP');
      const strength = numberInput(inputs, 'strength_clip');
      const patches = strength === 0 ? words.patches : [...words.patches, loraPatch(inputs, strength)];
      return { outputs: [patched, { ...words, patches }] };
    },
  },

  LoraLoaderModelOnly: {
    execute: (inputs) => ({
      outputs: [withLora(linkedInput(inputs, 'model', 'MODEL'), inputs, 'strength_model')],
    }),
  },

  /** Finds its files by the preset, as the pack does, and fails at run time when there are none. */
  IPAdapterUnifiedLoader: {
    execute(inputs, { modelFiles }) {
      const patched = linkedInput(inputs, 'model', 'MODEL');
      const family = /xl|noob|illustrious|pony/i.test(patched.file) ? 'sdxl' : 'sd15';
      const vision = modelFiles['clip_vision']?.find((file) => /vit-h/i.test(file));
      if (vision === undefined) throw new NodeExecutionError('Exception', 'ClipVision model not found.');
      const wanted = stringInput(inputs, 'preset').startsWith('PLUS') ? 'plus' : '';
      const adapter = modelFiles['ipadapter']?.find((file) => file.includes(family) && file.includes(wanted));
      if (adapter === undefined) throw new NodeExecutionError('Exception', 'IPAdapter model not found.');
      return { outputs: [patched, { type: 'IPADAPTER', files: [adapter, vision] }] };
    },
  },
};

function withLora(patched: Model, inputs: Readonly<Record<string, unknown>>, strengthInput: string): Model {
  const strength = numberInput(inputs, strengthInput);
  // As in ComfyUI, a strength of zero does not even load the file.
  if (strength === 0) return patched;
  const files = [...patched.files, stringInput(inputs, 'lora_name')];
  return { ...patched, files, patches: [...patched.patches, loraPatch(inputs, strength)] };
}

function loraPatch(inputs: Readonly<Record<string, unknown>>, strength: number): string {
  return `lora ${stringInput(inputs, 'lora_name')} ${strength}`;
}
