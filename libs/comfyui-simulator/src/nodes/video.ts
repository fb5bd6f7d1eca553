import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { H264, writeClip } from '../media/clips.js';
import { insertPngText } from '../png-text.js';
import { nextCounter, nextVhsCounter, resolveSavePath, type SavePath } from '../save-path.js';
import { compute } from './behaviours.js';
import { encodeAnimatedWebp } from './save-animated.js';
import type { NodeBehaviour, NodeContext } from './node-kind.js';
import { graphTexts, pngTexts } from './save-images.js';
import { selected } from './batches.js';
import {
  type Audio,
  booleanInput,
  type ImageBatch,
  linkedInput,
  type NodeInputs,
  numberInput,
  optionalInput,
  stringInput,
} from './values.js';

/** Clips: pictures with a rate and, if wanted, sound. */
export const VIDEO: Readonly<Record<string, NodeBehaviour>> = {
  CreateVideo: compute((inputs) => [
    {
      type: 'VIDEO',
      images: linkedInput(inputs, 'images', 'IMAGE'),
      fps: numberInput(inputs, 'fps'),
      audio: optionalInput(inputs, 'audio', 'AUDIO'),
    },
  ]),

  GetVideoComponents: compute((inputs) => {
    const { images, fps, audio } = linkedInput(inputs, 'video', 'VIDEO');
    const silence: Audio = { type: 'AUDIO', sampleRate: 44_100, channels: 1, pcm: Buffer.alloc(0) };
    return [images, audio ?? silence, fps, 8, 'sRGB'];
  }),

  /** One MP4 in H.264 whatever container and codec are asked for, with the graph in its metadata. */
  SaveVideo: {
    async execute(inputs, context) {
      const video = linkedInput(inputs, 'video', 'VIDEO');
      const prefix = stringInput(inputs, 'filename_prefix');
      const target = await resolveSavePath(context.directories.output, prefix, video.images);
      const filename = `${target.filename}_${nextCounter(target)}_.mp4`;
      await writeClip(join(target.folder, filename), video, {
        codec: H264,
        tags: graphTexts(context),
        onFrame: () => Promise.resolve(context.throwIfInterrupted()),
      });
      const saved = { filename, subfolder: target.subfolder, type: 'output' };
      return { outputs: [video], ui: { images: [saved], animated: [true] } };
    },
  },

  /** A picture of the first frame that holds the graph, and the clip under the same number; told as `gifs`. */
  VHS_VideoCombine: {
    async execute(inputs, context) {
      const images = combined(inputs);
      const audio = optionalInput(inputs, 'audio', 'AUDIO');
      const sound = audio === undefined || audio.pcm.length === 0 ? undefined : audio;
      const type = booleanInput(inputs, 'save_output') ? 'output' : 'temp';
      const prefix = stringInput(inputs, 'filename_prefix');
      const target = await resolveSavePath(context.directories[type], prefix, images);
      const stem = `${target.filename}_${nextVhsCounter(target)}`;
      const still = `${stem}.png`;
      await saveStill(join(target.folder, still), images, context);
      const format = stringInput(inputs, 'format');
      const filename = await saveCombined({ images, sound, format, stem, target }, inputs, context);
      const fullpath = join(target.folder, filename);
      const preview = {
        filename,
        subfolder: target.subfolder,
        type,
        format,
        frame_rate: numberInput(inputs, 'frame_rate'),
        workflow: still,
        fullpath,
      };
      return {
        outputs: [{ type: 'VHS_FILENAMES', files: [join(target.folder, still), fullpath] }],
        ui: { gifs: [preview] },
      };
    },
  },
};

/** With `pingpong` the clip runs back again, without its two end frames. */
function combined(inputs: NodeInputs): ImageBatch {
  const images = linkedInput(inputs, 'images', 'IMAGE');
  if (!booleanInput(inputs, 'pingpong')) return images;
  const forth = Array.from({ length: images.count }, (_, index) => index);
  return selected(images, [...forth, ...forth.slice(1, -1).reverse()]);
}

interface Combination {
  readonly images: ImageBatch;
  readonly sound: Audio | undefined;
  readonly format: string;
  readonly stem: string;
  readonly target: SavePath;
}

/** @returns the name of the file */
async function saveCombined(
  { images, sound, format, stem, target }: Combination,
  inputs: NodeInputs,
  context: NodeContext,
): Promise<string> {
  const fps = numberInput(inputs, 'frame_rate');
  const onFrame = (index: number): Promise<void> => context.progress(index, images.count);
  if (format === 'image/webp') {
    const filename = `${stem}.webp`;
    const settings = { fps, lossless: false, quality: 80, effort: 4 };
    await writeFile(join(target.folder, filename), await encodeAnimatedWebp(images, settings, context));
    return filename;
  }
  const isGif = format === 'image/gif';
  const filename = isGif ? `${stem}.gif` : `${stem}${sound === undefined ? '' : '-audio'}.mp4`;
  const crf = typeof inputs['crf'] === 'number' ? inputs['crf'] : 19;
  await writeClip(
    join(target.folder, filename),
    { type: 'VIDEO', images, fps, audio: isGif ? undefined : sound },
    { codec: isGif ? ['-loop', '0'] : [...H264, '-crf', String(crf)], tags: graphTexts(context), onFrame },
  );
  return filename;
}

async function saveStill(path: string, images: ImageBatch, context: NodeContext): Promise<void> {
  const { width, height } = images;
  const png = await sharp(await images.frame(0), { limitInputPixels: false, raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  await writeFile(path, insertPngText(png, pngTexts(context)));
}
