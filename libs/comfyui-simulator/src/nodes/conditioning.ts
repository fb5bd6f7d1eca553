import { compute } from './behaviours.js';
import { croppedForVae } from './latents.js';
import type { NodeBehaviour } from './node-kind.js';
import {
  booleanInput,
  type Conditioning,
  type Latent,
  linkedInput,
  type NodeInputs,
  numberInput,
  optionalInput,
  stringInput,
} from './values.js';

/** Text encoders and the nodes that add pictures and settings to what they gave. */
export const CONDITIONING: Readonly<Record<string, NodeBehaviour>> = {
  /** Keeps the text: the simulated sampler reads it as it stands. */
  CLIPTextEncode: {
    execute(inputs, { gpu }) {
      const { files, patches } = linkedInput(inputs, 'clip', 'CLIP');
      gpu.load(files);
      return { outputs: [{ type: 'CONDITIONING', text: stringInput(inputs, 'text'), patches, guides: [], files: [] }] };
    },
  },

  TextEncodeHunyuanVideo_ImageToVideo: {
    execute(inputs, { gpu }) {
      const { files, patches } = linkedInput(inputs, 'clip', 'CLIP');
      gpu.load(files);
      const { image } = linkedInput(inputs, 'clip_vision_output', 'CLIP_VISION_OUTPUT');
      const weight = 1 / numberInput(inputs, 'image_interleave');
      const text = stringInput(inputs, 'prompt');
      return {
        outputs: [{ type: 'CONDITIONING', text, patches, guides: [{ image, weight, place: 'whole' }], files: [] }],
      };
    },
  },

  CLIPVisionEncode: {
    execute(inputs, { gpu }) {
      gpu.load([linkedInput(inputs, 'clip_vision', 'CLIP_VISION').file]);
      return { outputs: [{ type: 'CLIP_VISION_OUTPUT', image: linkedInput(inputs, 'image', 'IMAGE') }] };
    },
  },

  ConditioningZeroOut: compute((inputs) => [{ ...linkedInput(inputs, 'conditioning', 'CONDITIONING'), text: '' }]),
  FluxGuidance: compute((inputs) => [
    patched(linkedInput(inputs, 'conditioning', 'CONDITIONING'), `guidance ${numberInput(inputs, 'guidance')}`),
  ]),
  LTXVConditioning: compute((inputs) =>
    both(inputs).map((side) => patched(side, `rate ${numberInput(inputs, 'frame_rate')}`)),
  ),

  ControlNetApplyAdvanced: compute((inputs) => {
    const strength = numberInput(inputs, 'strength');
    if (strength === 0) return both(inputs);
    const { file } = linkedInput(inputs, 'control_net', 'CONTROL_NET');
    const image = linkedInput(inputs, 'image', 'IMAGE');
    const span = Math.max(0, numberInput(inputs, 'end_percent') - numberInput(inputs, 'start_percent'));
    return both(inputs).map((side) => ({
      ...side,
      files: [...side.files, file],
      guides: [...side.guides, { image, weight: strength * span, place: 'whole' }],
    }));
  }),

  /** The latent of the picture; with `noise_mask` sampling changes only what the mask covers. */
  InpaintModelConditioning: {
    async execute(inputs, { gpu }) {
      const vae = linkedInput(inputs, 'vae', 'VAE');
      const content = croppedForVae(linkedInput(inputs, 'pixels', 'IMAGE'), vae.scale.spatial);
      const { width, height, count } = content;
      await gpu.run('encode', [vae.file], width * height * count, () => undefined);
      const mask = linkedInput(inputs, 'mask', 'MASK');
      const latent: Latent = { type: 'LATENT', width, height, count, scale: vae.scale, content };
      return {
        outputs: [...both(inputs), booleanInput(inputs, 'noise_mask') ? { ...latent, noiseMask: mask } : latent],
      };
    },
  },
};

/** Positive and negative conditioning; a node without a negative one gives an empty text. */
export function both(inputs: NodeInputs): [Conditioning, Conditioning] {
  const positive = linkedInput(inputs, 'positive', 'CONDITIONING');
  const negative = optionalInput(inputs, 'negative', 'CONDITIONING');
  return [positive, negative ?? { ...positive, text: '', guides: [] }];
}

function patched(conditioning: Conditioning, patch: string): Conditioning {
  return { ...conditioning, patches: [...conditioning.patches, patch] };
}
