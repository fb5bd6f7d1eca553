import { randomUUID } from 'node:crypto';
import { mkdir, open, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Audio, ImageBatch, Video } from '../nodes/values.js';
import { SOFTWARE } from '../software.js';
import { ffmpeg, probe } from './ffmpeg.js';

/** Texts that go into the file's metadata. */
export type Tags = Readonly<Record<string, string>>;

/** Samples per second and channel of what is decoded when the file does not say. */
const SAMPLE_RATE = 44_100;
const BYTES_PER_SAMPLE = 2;

type OnFrame = (index: number) => Promise<void>;

export interface ClipOptions {
  /** Arguments that choose codec and quality. */
  readonly codec: readonly string[];
  readonly tags: Tags;
  /** Called before each frame, which waits for it; may throw to give up. */
  readonly onFrame: OnFrame;
}

/** H.264 as ComfyUI's own node writes it. */
export const H264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p'] as const;

/** Writes a clip frame by frame. A side of odd length grows by one pixel: H.264 has only even ones. */
export async function writeClip(path: string, { images, fps, audio }: Video, options: ClipOptions): Promise<void> {
  const side = `${path}.parts`;
  await mkdir(side, { recursive: true });
  try {
    const metadata = join(side, 'tags.txt');
    await writeFile(metadata, metadataFile(options.tags));
    const sound = join(side, 'sound.pcm');
    // Sound that is longer than the pictures is cut off.
    const seconds = images.count / fps;
    if (audio !== undefined) await writeFile(sound, audio.pcm.subarray(0, bytesOf(seconds, audio)));
    await ffmpeg(
      [
        ...rawPictures(images, fps),
        ...words('-f ffmetadata -i'),
        metadata,
        ...(audio === undefined ? [] : [...rawAudio(audio), '-i', sound, ...words('-map 2:a -c:a aac')]),
        ...words('-map 0:v -map_metadata 1 -movflags +faststart+use_metadata_tags'),
        ...words('-vf pad=ceil(iw/2)*2:ceil(ih/2)*2'),
        ...options.codec,
        path,
      ],
      framesOf(images, options.onFrame),
    );
  } finally {
    await rm(side, { recursive: true, force: true });
  }
}

/** An animated PNG. @returns its bytes */
export function encodeApng(images: ImageBatch, fps: number, level: number, onFrame: OnFrame): Promise<Buffer> {
  const codec = words(`-c:v apng -pix_fmt rgb24 -compression_level ${level} -plays 0 -f apng -`);
  return ffmpeg([...rawPictures(images, fps), ...codec], framesOf(images, onFrame));
}

/** Where a decoded clip's frames lie and how many there are. */
export interface DecodedClip {
  readonly images: ImageBatch;
  readonly fps: number;
  readonly audio: Audio | undefined;
}

/**
 * Decodes a clip into a file of raw frames below the temp folder, so that long ones need no memory.
 * @param fps 0: as the file has them
 * @throws Error when the file is no clip
 */
export async function readClip(path: string, temp: string, fps = 0): Promise<DecodedClip> {
  const info = await probe(path);
  if (info.video === undefined) throw new Error(`no video stream in ${path}`);
  const { width, height } = info.video;
  const raw = join(temp, `decoded-${randomUUID()}.rgb`);
  const rate = fps > 0 ? ['-r', String(fps)] : ['-vsync', '0'];
  await ffmpeg(['-i', path, '-map', '0:v:0', ...rate, '-f', 'rawvideo', '-pix_fmt', 'rgb24', raw]);
  const frameBytes = width * height * 3;
  const count = Math.floor((await stat(raw)).size / frameBytes);
  const frame = async (index: number): Promise<Buffer> => {
    const file = await open(raw);
    try {
      const { buffer } = await file.read(Buffer.alloc(frameBytes), 0, frameBytes, index * frameBytes);
      return buffer;
    } finally {
      await file.close();
    }
  };
  return {
    images: { type: 'IMAGE', width, height, count, frame },
    fps: fps > 0 ? fps : info.video.fps,
    audio: info.audio === undefined ? undefined : await readAudio(path),
  };
}

/** @throws Error when the file holds no sound */
export async function readAudio(path: string): Promise<Audio> {
  const { audio } = await probe(path);
  if (audio === undefined) throw new Error(`no audio stream in ${path}`);
  const sampleRate = audio.sampleRate === 0 ? SAMPLE_RATE : audio.sampleRate;
  const channels = Math.max(1, audio.channels);
  const pcm = await ffmpeg([
    '-i',
    path,
    '-map',
    '0:a:0',
    '-f',
    's16le',
    '-ar',
    String(sampleRate),
    '-ac',
    String(channels),
    '-',
  ]);
  return { type: 'AUDIO', sampleRate, channels, pcm };
}

/** @param codec arguments that choose codec and quality; the path's ending chooses the container */
export async function writeAudio(path: string, audio: Audio, codec: readonly string[], tags: Tags): Promise<void> {
  async function* samples(): AsyncGenerator<Buffer> {
    yield audio.pcm;
  }
  const metadata = `${path}.tags.txt`;
  await writeFile(metadata, metadataFile(tags));
  try {
    await ffmpeg(
      [
        ...rawAudio(audio),
        '-i',
        '-',
        '-f',
        'ffmetadata',
        '-i',
        metadata,
        '-map',
        '0:a',
        '-map_metadata',
        '1',
        ...codec,
        path,
      ],
      samples(),
    );
  } finally {
    await rm(metadata, { force: true });
  }
}

function bytesOf(seconds: number, { sampleRate, channels }: Audio): number {
  return Math.ceil(seconds * sampleRate) * channels * BYTES_PER_SAMPLE;
}

function rawAudio({ sampleRate, channels }: Audio): string[] {
  return words(`-f s16le -ar ${sampleRate} -ac ${channels}`);
}

/** Raw frames on standard input. */
function rawPictures({ width, height }: ImageBatch, fps: number): string[] {
  return words(`-f rawvideo -pix_fmt rgb24 -s ${width}x${height} -r ${fps} -i -`);
}

function words(text: string): string[] {
  return text.split(' ');
}

async function* framesOf(images: ImageBatch, onFrame: OnFrame): AsyncGenerator<Buffer> {
  for (let index = 0; index < images.count; index += 1) {
    await onFrame(index);
    yield await images.frame(index);
  }
}

/** Source: ffmpeg-formats, "Metadata": `=`, `;`, `#`, `\` and line ends are escaped. */
function metadataFile(tags: Tags): string {
  const lines = Object.entries({ ...tags, software: SOFTWARE }).map(
    ([key, value]) => `${key}=${value.replace(/[=;#\\\n]/g, (character) => `\\${character}`)}`,
  );
  return `;FFMETADATA1\n${lines.join('\n')}\n`;
}
