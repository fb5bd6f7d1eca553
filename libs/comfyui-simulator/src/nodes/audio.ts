import { join } from 'node:path';
import { writeAudio } from '../media/clips.js';
import { nextCounter, resolveSavePath } from '../save-path.js';
import { compute } from './behaviours.js';
import type { NodeBehaviour, NodeContext, NodeResult } from './node-kind.js';
import { graphTexts } from './save-images.js';
import { linkedInput, type NodeInputs, numberInput, stringInput } from './values.js';

const BYTES_PER_SAMPLE = 2;

/** Arguments for each quality the MP3 node offers. */
const MP3_QUALITY: Readonly<Record<string, readonly string[]>> = {
  V0: ['-q:a', '0'],
  '128k': ['-b:a', '128k'],
  '320k': ['-b:a', '320k'],
};

export const AUDIO: Readonly<Record<string, NodeBehaviour>> = {
  EmptyAudio: compute((inputs) => {
    const sampleRate = numberInput(inputs, 'sample_rate');
    const channels = numberInput(inputs, 'channels');
    const samples = Math.round(numberInput(inputs, 'duration') * sampleRate);
    return [{ type: 'AUDIO', sampleRate, channels, pcm: Buffer.alloc(samples * channels * BYTES_PER_SAMPLE) }];
  }),

  SaveAudio: { execute: (inputs, context) => save(inputs, context, 'flac', ['-c:a', 'flac']) },
  SaveAudioMP3: {
    execute(inputs, context) {
      const quality = MP3_QUALITY[stringInput(inputs, 'quality')] ?? [];
      return save(inputs, context, 'mp3', ['-c:a', 'libmp3lame', ...quality]);
    },
  },
};

async function save(
  inputs: NodeInputs,
  context: NodeContext,
  extension: string,
  codec: readonly string[],
): Promise<NodeResult> {
  const audio = linkedInput(inputs, 'audio', 'AUDIO');
  const prefix = stringInput(inputs, 'filename_prefix');
  const target = await resolveSavePath(context.directories.output, prefix, { width: 0, height: 0 });
  const filename = `${target.filename}_${nextCounter(target)}_.${extension}`;
  await writeAudio(join(target.folder, filename), audio, codec, graphTexts(context));
  return { outputs: [audio], ui: { audio: [{ filename, subfolder: target.subfolder, type: 'output' }] } };
}
