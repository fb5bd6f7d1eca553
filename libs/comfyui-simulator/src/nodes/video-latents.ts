import { compute } from './behaviours.js';
import { both } from './conditioning.js';
import { emptyLatent } from './latents.js';
import type { NodeBehaviour } from './node-kind.js';
import {
  type Guide,
  type LatentScale,
  linkedInput,
  type NodeInputs,
  numberInput,
  optionalInput,
  type Value,
} from './values.js';

const WAN: LatentScale = { spatial: 8, temporal: 4 };
const WAN_22_5B: LatentScale = { spatial: 16, temporal: 4 };
const LTX: LatentScale = { spatial: 32, temporal: 8 };

/** Nodes that make a clip start from, and end with, given pictures. */
export const VIDEO_LATENTS: Readonly<Record<string, NodeBehaviour>> = {
  WanImageToVideo: compute((inputs) => guided(inputs, WAN, startAndEnd(inputs))),
  WanFirstLastFrameToVideo: compute((inputs) => guided(inputs, WAN, startAndEnd(inputs))),
  LTXVImgToVideo: compute((inputs) => {
    const image = linkedInput(inputs, 'image', 'IMAGE');
    return guided(inputs, LTX, [{ image, weight: numberInput(inputs, 'strength'), place: 'start' }]);
  }),
  HunyuanImageToVideo: compute((inputs) => {
    const [positive, , latent] = guided(inputs, WAN, startAndEnd(inputs));
    return [positive, latent];
  }),
  Wan22ImageToVideoLatent: compute((inputs) => [{ ...emptyLatent(inputs, WAN_22_5B), guides: startAndEnd(inputs) }]),

  /** The frames are a batch of single latents, and the picture stands for the text that this family does not read. */
  SVD_img2vid_Conditioning: compute((inputs) => {
    const image = linkedInput(inputs, 'init_image', 'IMAGE');
    const frames = numberInput(inputs, 'video_frames');
    const patches = ['motion_bucket_id', 'fps', 'augmentation_level'].map(
      (name) => `${name} ${numberInput(inputs, name)}`,
    );
    const { file } = linkedInput(inputs, 'clip_vision', 'CLIP_VISION');
    const guides: Guide[] = [{ image, weight: 1, place: 'start' }];
    const latent = emptyLatent({ ...inputs, batch_size: frames }, { spatial: 8, temporal: 1 });
    const conditioning = { type: 'CONDITIONING', text: '', patches, files: [file] } as const;
    return [{ ...conditioning, guides }, { ...conditioning, guides: [] }, latent];
  }),
};

function guided(inputs: NodeInputs, scale: LatentScale, guides: readonly Guide[]): [Value, Value, Value] {
  const [positive, negative] = both(inputs);
  return [{ ...positive, guides: [...positive.guides, ...guides] }, negative, emptyLatent(inputs, scale)];
}

function startAndEnd(inputs: NodeInputs): Guide[] {
  const start = optionalInput(inputs, 'start_image', 'IMAGE');
  const end = optionalInput(inputs, 'end_image', 'IMAGE');
  const seen = optionalInput(inputs, 'clip_vision_output', 'CLIP_VISION_OUTPUT');
  const guides: Guide[] = [];
  if (seen !== undefined) guides.push({ image: seen.image, weight: 0.3, place: 'whole' });
  if (start !== undefined) guides.push({ image: start, weight: 1, place: 'start' });
  if (end !== undefined) guides.push({ image: end, weight: 1, place: 'end' });
  return guides;
}
