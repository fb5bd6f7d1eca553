import { setTimeout as delay } from 'node:timers/promises';
import { renderPreview } from '../picture/render.js';
import type { SamplingRecipe } from '../picture/recipe.js';
import { NodeExecutionError } from './node-errors.js';
import type { NodeContext, NodeInfo, NodeKind } from './node-kind.js';
import { type Latent, linkedInput, numberInput, stringInput } from './values.js';

const SAMPLERS = [
  'euler',
  'euler_cfg_pp',
  'euler_ancestral',
  'euler_ancestral_cfg_pp',
  'heun',
  'heunpp2',
  'exp_heun_2_x0',
  'exp_heun_2_x0_sde',
  'dpm_2',
  'dpm_2_ancestral',
  'lms',
  'dpm_fast',
  'dpm_adaptive',
  'dpmpp_2s_ancestral',
  'dpmpp_2s_ancestral_cfg_pp',
  'dpmpp_sde',
  'dpmpp_sde_gpu',
  'dpmpp_2m',
  'dpmpp_2m_cfg_pp',
  'dpmpp_2m_sde',
  'dpmpp_2m_sde_gpu',
  'dpmpp_2m_sde_heun',
  'dpmpp_2m_sde_heun_gpu',
  'dpmpp_3m_sde',
  'dpmpp_3m_sde_gpu',
  'ddpm',
  'lcm',
  'ipndm',
  'ipndm_v',
  'deis',
  'res_multistep',
  'res_multistep_cfg_pp',
  'res_multistep_ancestral',
  'res_multistep_ancestral_cfg_pp',
  'gradient_estimation',
  'gradient_estimation_cfg_pp',
  'er_sde',
  'seeds_2',
  'seeds_3',
  'sa_solver',
  'sa_solver_pece',
  'ddim',
  'uni_pc',
  'uni_pc_bh2',
] as const;

const SCHEDULERS = [
  'simple',
  'sgm_uniform',
  'karras',
  'exponential',
  'ddim_uniform',
  'beta',
  'normal',
  'linear_quadratic',
  'kl_optimal',
] as const;

const INFO: NodeInfo = {
  input: {
    required: {
      model: ['MODEL', { tooltip: 'The model used for denoising the input latent.' }],
      seed: [
        'INT',
        {
          default: 0,
          min: 0,
          max: 2 ** 64 - 1,
          control_after_generate: true,
          tooltip: 'The random seed used for creating the noise.',
        },
      ],
      steps: [
        'INT',
        {
          default: 20,
          min: 1,
          max: 10000,
          tooltip: 'The number of steps used in the denoising process.',
        },
      ],
      cfg: [
        'FLOAT',
        {
          default: 8,
          min: 0,
          max: 100,
          step: 0.1,
          round: 0.01,
          tooltip:
            'The Classifier-Free Guidance scale balances creativity and adherence to the prompt. Higher values result in images more closely matching the prompt however too high values will negatively impact quality.',
        },
      ],
      sampler_name: [
        SAMPLERS,
        {
          tooltip:
            'The algorithm used when sampling, this can affect the quality, speed, and style of the generated output.',
        },
      ],
      scheduler: [SCHEDULERS, { tooltip: 'The scheduler controls how noise is gradually removed to form the image.' }],
      positive: [
        'CONDITIONING',
        { tooltip: 'The conditioning describing the attributes you want to include in the image.' },
      ],
      negative: [
        'CONDITIONING',
        {
          tooltip: 'The conditioning describing the attributes you want to exclude from the image.',
        },
      ],
      latent_image: ['LATENT', { tooltip: 'The latent image to denoise.' }],
      denoise: [
        'FLOAT',
        {
          default: 1,
          min: 0,
          max: 1,
          step: 0.01,
          tooltip:
            'The amount of denoising applied, lower values will maintain the structure of the initial image allowing for image to image sampling.',
        },
      ],
    },
  },
  input_order: {
    required: [
      'model',
      'seed',
      'steps',
      'cfg',
      'sampler_name',
      'scheduler',
      'positive',
      'negative',
      'latent_image',
      'denoise',
    ],
  },
  is_input_list: false,
  output: ['LATENT'],
  output_is_list: [false],
  output_name: ['LATENT'],
  name: 'KSampler',
  display_name: 'KSampler',
  description: 'Uses the provided model, positive and negative conditioning to denoise the latent image.',
  python_module: 'nodes',
  category: 'model/sampling',
  output_node: false,
  has_intermediate_output: false,
  output_tooltips: ['The denoised latent.'],
  search_aliases: ['sampler', 'sample', 'generate', 'denoise', 'diffuse', 'txt2img', 'img2img'],
};

/** Passes the time of sampling step by step and writes down how the pictures are to be drawn. */
export const kSampler: NodeKind = {
  info: () => INFO,
  async execute(inputs, context) {
    const latent = linkedInput(inputs, 'latent_image', 'LATENT');
    assertFitsMemory(latent, context);
    const recipe: SamplingRecipe = {
      prompt: linkedInput(inputs, 'positive', 'CONDITIONING').text,
      negativePrompt: linkedInput(inputs, 'negative', 'CONDITIONING').text,
      checkpoint: linkedInput(inputs, 'model', 'MODEL').checkpoint,
      seed: numberInput(inputs, 'seed'),
      steps: numberInput(inputs, 'steps'),
      cfg: numberInput(inputs, 'cfg'),
      sampler: stringInput(inputs, 'sampler_name'),
      scheduler: stringInput(inputs, 'scheduler'),
      denoise: numberInput(inputs, 'denoise'),
    };
    context.countSamplerRun();
    for (let step = 1; step <= recipe.steps; step += 1) {
      await delay(context.stepDelayMs);
      const preview = context.wantsPreviews ? await renderPreview(recipe, latent, step) : undefined;
      await context.progress(step, recipe.steps, preview);
    }
    return { outputs: [{ ...latent, recipe }] };
  },
};

/** The simulated card is as full as a real one would be, so that callers meet the real message. */
function assertFitsMemory(latent: Latent, context: NodeContext): void {
  if (latent.width * latent.height * latent.count <= context.maxBatchPixels) return;
  throw new NodeExecutionError(
    'torch.OutOfMemoryError',
    'CUDA out of memory. (Simulated: the batch has more pixels than the simulated video memory holds.)\n' +
      'This error means you ran out of memory on your GPU.\n\nTIPS: If the workflow worked before you might have accidentally set the batch_size to a large number.',
  );
}
