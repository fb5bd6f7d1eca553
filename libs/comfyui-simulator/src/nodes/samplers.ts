import { renderPreview } from '../picture/render.js';
import type { SamplingRecipe } from '../picture/recipe.js';
import { selected } from './batches.js';
import { both } from './conditioning.js';
import type { NodeBehaviour, NodeContext } from './node-kind.js';
import { sampledImages } from './sampled-images.js';
import {
  booleanInput,
  type Conditioning,
  type Guide,
  type ImageBatch,
  type Latent,
  linkedInput,
  type Model,
  type NodeInputs,
  numberInput,
  stringInput,
} from './values.js';

const FRAMEPACK_FPS = 30;

/** Everything one run of a sampler works with. */
export interface SamplingJob {
  readonly recipe: SamplingRecipe;
  readonly latent: Latent;
  readonly files: readonly string[];
  readonly guides: readonly Guide[];
  /** Steps this run takes; the recipe's may count earlier runs. */
  readonly steps: number;
  /** What the latent held before; its content when left out. */
  readonly base?: ImageBatch | undefined;
}

/** Samplers pass the time step by step and write down how the pictures are to be drawn. */
export const SAMPLERS: Readonly<Record<string, NodeBehaviour>> = {
  KSampler: {
    async execute(inputs, context) {
      return { outputs: [finished(await sample(kSamplerJob(inputs), context))] };
    },
  },

  /** A part of a schedule: with noise left over, the next sampler goes on with the same drawing. */
  KSamplerAdvanced: {
    async execute(inputs, context) {
      const steps = numberInput(inputs, 'steps');
      const start = numberInput(inputs, 'start_at_step');
      const end = Math.min(steps, numberInput(inputs, 'end_at_step'));
      const job = kSamplerJob(inputs, {
        seed: numberInput(inputs, 'noise_seed'),
        steps: end,
        denoise: 1 - Math.min(1, start / steps),
      });
      if (start >= end) return { outputs: [job.latent] };
      const before = stringInput(inputs, 'add_noise') === 'disable' ? job.latent.unfinished : undefined;
      const recipe: SamplingRecipe =
        before === undefined
          ? job.recipe
          : { ...before.recipe, checkpoint: `${before.recipe.checkpoint} then ${job.recipe.checkpoint}`, steps: end };
      const base = before === undefined ? job.latent.content : before.base;
      const latent = await sample({ ...job, recipe, base, steps: end - start }, context);
      const leavesNoise = stringInput(inputs, 'return_with_leftover_noise') === 'enable' && end < steps;
      return { outputs: [leavesNoise ? { ...latent, unfinished: { recipe, base } } : finished(latent)] };
    },
  },

  SamplerCustom: {
    async execute(inputs, context) {
      const [positive, negative] = both(inputs);
      const latent = finished(
        await sample(
          customJob(inputs, {
            model: linkedInput(inputs, 'model', 'MODEL'),
            positive,
            negative,
            cfg: numberInput(inputs, 'cfg'),
            seed: numberInput(inputs, 'noise_seed'),
          }),
          context,
        ),
      );
      return { outputs: [latent, latent] };
    },
  },

  SamplerCustomAdvanced: {
    async execute(inputs, context) {
      const { model, positive, cfg } = linkedInput(inputs, 'guider', 'GUIDER');
      const { seed } = linkedInput(inputs, 'noise', 'NOISE');
      const latent = finished(await sample(customJob(inputs, { model, positive, cfg, seed }), context));
      return { outputs: [latent, latent] };
    },
  },

  /** Draws section by section, so the length is a whole number of sections and one frame more. */
  FramePackSampler: {
    async execute(inputs, context) {
      const start = linkedInput(inputs, 'start_latent', 'LATENT');
      const framesPerSection = numberInput(inputs, 'latent_window_size') * 4;
      const seconds = numberInput(inputs, 'total_second_length');
      const sections = Math.max(1, Math.round((seconds * FRAMEPACK_FPS) / framesPerSection));
      const [positive, negative] = both(inputs);
      const { file } = linkedInput(inputs, 'model', 'FramePackMODEL');
      const model: Model = { type: 'MODEL', file, patches: [], guides: [], files: [file] };
      const { width, height, content } = start;
      const latent: Latent = {
        type: 'LATENT',
        width,
        height,
        count: sections * framesPerSection + 1,
        scale: { spatial: 8, temporal: 4 },
        guides: content === undefined ? [] : [{ image: selected(content, [0]), weight: 1, place: 'start' }],
      };
      const steps = numberInput(inputs, 'steps');
      const settings = {
        cfg: numberInput(inputs, 'guidance_scale'),
        seed: numberInput(inputs, 'seed'),
        steps,
        sampler: stringInput(inputs, 'sampler'),
        scheduler: `shift ${numberInput(inputs, 'shift')}`,
        denoise: 1,
      };
      const job = jobOf({ model, positive, negative, latent, ...settings });
      return { outputs: [finished(await sample({ ...job, steps: steps * sections }, context))] };
    },
  },
};

/** Runs the steps on the simulated card. @returns the latent with the pictures to be drawn in it */
export async function sample(job: SamplingJob, context: NodeContext): Promise<Latent> {
  const { recipe, latent, steps } = job;
  const pixels = latent.width * latent.height * latent.count;
  await context.gpu.run('sample', job.files, pixels, async () => {
    context.countSamplerRun();
    for (let step = 1; step <= steps; step += 1) {
      await context.pause(context.stepDelayMs / context.gpu.speed);
      const shown = Math.max(1, recipe.steps - steps + step);
      const bytes = context.wantsPreviews ? await renderPreview(recipe, latent, shown) : undefined;
      await context.progress(step, steps, bytes === undefined ? undefined : { format: 'jpeg', bytes });
    }
  });
  const base = 'base' in job ? job.base : latent.content;
  return { ...latent, content: sampledImages(latent, recipe, job.guides, base) };
}

interface Settings extends Pick<SamplingRecipe, 'seed' | 'steps' | 'cfg' | 'sampler' | 'scheduler' | 'denoise'> {
  readonly model: Model;
  readonly positive: Conditioning;
  readonly negative?: Conditioning;
  readonly latent: Latent;
}

/** What a sampler is to draw with these settings. */
export function jobOf({ model, positive, negative, latent, ...numbers }: Settings): SamplingJob {
  return {
    latent,
    steps: numbers.steps,
    files: [...model.files, ...positive.files, ...(negative?.files ?? [])],
    guides: [...model.guides, ...positive.guides, ...(latent.guides ?? [])],
    recipe: {
      prompt: positive.text,
      negativePrompt: negative?.text ?? '',
      checkpoint: [model.file, ...model.patches, ...positive.patches].join(' + '),
      ...numbers,
    },
  };
}

/** The job of a node with KSampler's widgets, some of them replaced. */
export function kSamplerJob(inputs: NodeInputs, replaced: Partial<SamplingRecipe> = {}, latent?: Latent): SamplingJob {
  const [positive, negative] = both(inputs);
  const number = (name: 'seed' | 'denoise' | 'steps'): number => replaced[name] ?? numberInput(inputs, name);
  return jobOf({
    model: linkedInput(inputs, 'model', 'MODEL'),
    positive,
    negative,
    latent: latent ?? linkedInput(inputs, 'latent_image', 'LATENT'),
    seed: number('seed'),
    steps: number('steps'),
    cfg: numberInput(inputs, 'cfg'),
    sampler: stringInput(inputs, 'sampler_name'),
    scheduler: stringInput(inputs, 'scheduler'),
    denoise: number('denoise'),
  });
}

function customJob(
  inputs: NodeInputs,
  parts: Pick<Settings, 'model' | 'positive' | 'cfg' | 'seed'> & { readonly negative?: Conditioning },
): SamplingJob {
  const { scheduler, steps, denoise } = linkedInput(inputs, 'sigmas', 'SIGMAS');
  return jobOf({
    ...parts,
    latent: linkedInput(inputs, 'latent_image', 'LATENT'),
    sampler: linkedInput(inputs, 'sampler', 'SAMPLER').name,
    scheduler,
    steps,
    denoise: 'add_noise' in inputs && !booleanInput(inputs, 'add_noise') ? 0 : denoise,
  });
}

function finished(latent: Latent): Latent {
  const { unfinished: _done, ...rest } = latent;
  return rest;
}
