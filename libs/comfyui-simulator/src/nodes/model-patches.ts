import { compute, patchModel } from './behaviours.js';
import type { NodeBehaviour } from './node-kind.js';
import { linkedInput, numberInput, optionalInput, stringInput } from './values.js';

/** Nodes that change how a model samples. Most only leave their settings, which change the drawing's details. */
export const MODEL_PATCHES: Readonly<Record<string, NodeBehaviour>> = {
  ModelSamplingDiscrete: patchModel('sampling', 'sampling', 'zsnr'),
  ModelSamplingSD3: patchModel('shift', 'shift'),
  RescaleCFG: patchModel('rescale', 'multiplier'),
  DifferentialDiffusion: patchModel('differential'),
  VideoLinearCFGGuidance: patchModel('linear cfg', 'min_cfg'),

  CLIPSetLastLayer: compute((inputs) => {
    const clip = linkedInput(inputs, 'clip', 'CLIP');
    return [{ ...clip, patches: [...clip.patches, `layer ${numberInput(inputs, 'stop_at_clip_layer')}`] }];
  }),

  ADE_ApplyAnimateDiffModelSimple: compute((inputs) => {
    const { file } = linkedInput(inputs, 'motion_model', 'MOTION_MODEL_ADE');
    return [{ type: 'M_MODELS', file }];
  }),
  ADE_StandardStaticContextOptions: compute((inputs) => [
    { type: 'CONTEXT_OPTIONS', length: numberInput(inputs, 'context_length') },
  ]),
  /** The motion module lies in memory beside the model; the context window changes details. */
  ADE_UseEvolvedSampling: compute((inputs) => {
    const model = linkedInput(inputs, 'model', 'MODEL');
    const motion = optionalInput(inputs, 'm_models', 'M_MODELS');
    const context = optionalInput(inputs, 'context_options', 'CONTEXT_OPTIONS');
    const words = [stringInput(inputs, 'beta_schedule'), motion?.file, context?.length].filter(
      (word) => word !== undefined,
    );
    const files = motion === undefined ? model.files : [...model.files, motion.file];
    return [{ ...model, files, patches: [...model.patches, `motion ${words.join(' ')}`] }];
  }),

  /** The reference picture's colours and rough shapes come through in what the model draws. */
  IPAdapterAdvanced: compute((inputs) => {
    const model = linkedInput(inputs, 'model', 'MODEL');
    const { files } = linkedInput(inputs, 'ipadapter', 'IPADAPTER');
    const image = linkedInput(inputs, 'image', 'IMAGE');
    const span = Math.max(0, numberInput(inputs, 'end_at') - numberInput(inputs, 'start_at'));
    const weight = numberInput(inputs, 'weight') * span;
    return [
      {
        ...model,
        files: [...model.files, ...files],
        patches: [...model.patches, `ipadapter ${stringInput(inputs, 'weight_type')}`],
        guides: [...model.guides, { image, weight, place: 'whole' }],
      },
    ];
  }),

  SetUnionControlNetType: compute((inputs) => [linkedInput(inputs, 'control_net', 'CONTROL_NET')]),
};
