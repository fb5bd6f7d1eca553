import { AUDIO } from './audio.js';
import { CONDITIONING } from './conditioning.js';
import { definitionOf } from './definitions.js';
import { ENHANCERS } from './enhancers.js';
import { IMAGES } from './images.js';
import { LATENTS } from './latents.js';
import { LOAD_FILES } from './load-files.js';
import { LOADERS } from './loaders.js';
import { MASKS } from './masks.js';
import { MODEL_PATCHES } from './model-patches.js';
import type { NodeBehaviour, NodeKind } from './node-kind.js';
import { OUTPUTS } from './outputs.js';
import { SAMPLERS } from './samplers.js';
import { SAMPLING_PARTS } from './sampling-parts.js';
import { SAVE_ANIMATED } from './save-animated.js';
import { TESTING_PACK } from './testing-pack.js';
import { VIDEO } from './video.js';
import { VIDEO_LATENTS } from './video-latents.js';

const BEHAVIOURS: Readonly<Record<string, NodeBehaviour>> = {
  ...LOADERS,
  ...MODEL_PATCHES,
  ...CONDITIONING,
  ...LATENTS,
  ...VIDEO_LATENTS,
  ...SAMPLING_PARTS,
  ...SAMPLERS,
  ...IMAGES,
  ...ENHANCERS,
  ...MASKS,
  ...LOAD_FILES,
  ...OUTPUTS,
  ...SAVE_ANIMATED,
  ...VIDEO,
  ...AUDIO,
  ...TESTING_PACK,
};

/** Every node class the simulator knows: what it does, and how it describes itself. */
export const NODE_KINDS: ReadonlyMap<string, NodeKind> = new Map(
  Object.entries(BEHAVIOURS).map(([name, behaviour]) => [name, { ...behaviour, info: definitionOf(name) }]),
);
