import { freemem, totalmem } from 'node:os';
import type { Faults } from '../faults.js';
import type { Gpu } from '../gpu.js';
import { COMFYUI_VERSION, FEATURES } from '../features.js';
import { empty, json } from '../http/reply.js';
import type { Routes } from '../http/router.js';
import type { NodeEnvironment, NodeKind } from '../nodes/node-kind.js';
import { visibleKinds } from '../visible-kinds.js';

export interface SystemRoutesEnvironment extends NodeEnvironment {
  readonly faults: Faults;
  readonly kinds: ReadonlyMap<string, NodeKind>;
  readonly gpu: Gpu;
}

const MODEL_FOLDERS = [
  'checkpoints',
  'configs',
  'loras',
  'vae',
  'text_encoders',
  'diffusion_models',
  'clip_vision',
  'style_models',
  'embeddings',
  'diffusers',
  'vae_approx',
  'controlnet',
  'gligen',
  'upscale_models',
  'latent_upscale_models',
  'custom_nodes',
  'datasets',
  'hypernetworks',
  'photomaker',
  'classifiers',
  'model_patches',
  'audio_encoders',
  'background_removal',
  'frame_interpolation',
  'geometry_estimation',
  'optical_flow',
  'detection',
] as const;

export function systemRoutes(environment: SystemRoutesEnvironment): Routes {
  const { faults } = environment;
  const kinds = (): (readonly [string, NodeKind])[] => [...visibleKinds(environment.kinds, faults)];
  return {
    'GET /system_stats': () => json(systemStats(environment)),
    'GET /features': () => json(FEATURES),
    'GET /embeddings': () => json([]),
    'GET /extensions': () => json([]),
    'GET /models': () => json(MODEL_FOLDERS),
    'GET /models/{folder}': ({ parameters }) => {
      const folder = parameters['folder'] ?? '';
      const files = Object.hasOwn(environment.modelFiles, folder) ? environment.modelFiles[folder] : undefined;
      if (files === undefined && !MODEL_FOLDERS.some((known) => known === folder)) return empty(404);
      return json((files ?? []).filter((file) => !faults.missingModels.includes(file)));
    },
    'GET /object_info': () => json(objectInfo(kinds(), environment)),
    'GET /object_info/{class}': ({ parameters }) => {
      const wanted = kinds().filter(([name]) => name === parameters['class']);
      return json(objectInfo(wanted, environment));
    },
  };
}

function objectInfo(kinds: readonly (readonly [string, NodeKind])[], environment: NodeEnvironment): unknown {
  return Object.fromEntries(kinds.map(([name, kind]) => [name, kind.info(environment)]));
}

/** Shaped like the real answer; the device says what it is. */
function systemStats({ gpu }: SystemRoutesEnvironment): unknown {
  const { total, free, models } = gpu.memory;
  return {
    system: {
      os: process.platform,
      ram_total: totalmem(),
      ram_free: freemem(),
      comfyui_version: COMFYUI_VERSION,
      required_frontend_version: '1.49.6',
      installed_templates_version: '0.11.44',
      required_templates_version: '0.11.44',
      comfy_package_versions: [{ name: 'comfyui-frontend-package', installed: 'none (simulator)', required: '1.49.6' }],
      python_version: `none (ComfyUI simulator on Node.js ${process.version})`,
      pytorch_version: 'none (ComfyUI simulator)',
      embedded_python: false,
      deploy_environment: 'simulator',
      argv: ['comfyui-simulator'],
    },
    devices: [
      {
        name: /simulator/i.test(gpu.name) ? gpu.name : `${gpu.name} (simulator)`,
        type: 'cuda',
        index: 0,
        vram_total: total,
        vram_free: free,
        // What PyTorch has taken from the driver, and what of that is unused.
        torch_vram_total: models,
        torch_vram_free: 0,
      },
    ],
  };
}
