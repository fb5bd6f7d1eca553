import { compute } from './behaviours.js';
import type { NodeBehaviour } from './node-kind.js';
import { linkedInput, numberInput, stringInput } from './values.js';

/** The settings that KSampler has in one node, as nodes of their own. */
export const SAMPLING_PARTS: Readonly<Record<string, NodeBehaviour>> = {
  KSamplerSelect: compute((inputs) => [{ type: 'SAMPLER', name: stringInput(inputs, 'sampler_name') }]),
  RandomNoise: compute((inputs) => [{ type: 'NOISE', seed: numberInput(inputs, 'noise_seed') }]),
  BasicGuider: compute((inputs) => [
    {
      type: 'GUIDER',
      model: linkedInput(inputs, 'model', 'MODEL'),
      positive: linkedInput(inputs, 'conditioning', 'CONDITIONING'),
      cfg: 1,
    },
  ]),
  BasicScheduler: compute((inputs) => [
    {
      type: 'SIGMAS',
      scheduler: stringInput(inputs, 'scheduler'),
      steps: numberInput(inputs, 'steps'),
      denoise: numberInput(inputs, 'denoise'),
    },
  ]),
  LTXVScheduler: compute((inputs) => [
    {
      type: 'SIGMAS',
      scheduler: `ltxv ${['max_shift', 'base_shift', 'terminal'].map((name) => numberInput(inputs, name)).join(' ')}`,
      steps: numberInput(inputs, 'steps'),
      denoise: 1,
    },
  ]),
};
