import type { ApiGraph } from '@anime/contracts';

export interface ImageGraphOptions {
  readonly steps?: number;
  readonly seed?: number;
  readonly checkpoint?: string;
}

/** A small text-to-image graph of core nodes; node 9 saves. */
export function imageGraph({
  steps = 4,
  seed = 1,
  checkpoint = 'simulated-anime-v1.safetensors',
}: ImageGraphOptions = {}): ApiGraph {
  return {
    '3': {
      class_type: 'KSampler',
      inputs: {
        seed,
        steps,
        cfg: 7,
        sampler_name: 'euler',
        scheduler: 'normal',
        denoise: 1,
        model: ['4', 0],
        positive: ['6', 0],
        negative: ['7', 0],
        latent_image: ['5', 0],
      },
      _meta: { title: 'Paint' },
    },
    '4': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: checkpoint } },
    '5': { class_type: 'EmptyLatentImage', inputs: { width: 64, height: 64, batch_size: 1 } },
    '6': { class_type: 'CLIPTextEncode', inputs: { text: 'a cat', clip: ['4', 1] } },
    '7': { class_type: 'CLIPTextEncode', inputs: { text: 'bad', clip: ['4', 1] } },
    '8': { class_type: 'VAEDecode', inputs: { samples: ['3', 0], vae: ['4', 2] } },
    '9': { class_type: 'SaveImage', inputs: { images: ['8', 0], filename_prefix: 'take' } },
  };
}

export const IMAGE_OUTPUTS: { node: string; kind: 'image'; role: string; filenamePrefixInput: string }[] = [
  { node: '9', kind: 'image', role: 'main', filenamePrefixInput: 'filename_prefix' },
];

export const IMAGE_WEIGHTS: Record<string, number> = { '3': 0.8, '4': 0.1, '8': 0.05, '9': 0.05 };
