import { spawn } from 'node:child_process';
import { access, chmod, constants } from 'node:fs/promises';
import ffmpegPackage from '@ffmpeg-installer/ffmpeg';
import ffprobePackage from '@ffprobe-installer/ffprobe';

/** What a media file holds, as ffprobe counts it. */
export interface MediaInfo {
  readonly video?: {
    readonly width: number;
    readonly height: number;
    readonly fps: number;
    /** Decoded and counted, not read from a header. */
    readonly frames: number;
    readonly codec: string;
  };
  readonly audio?: { readonly sampleRate: number; readonly channels: number; readonly codec: string };
  readonly seconds: number;
  /** Texts of the container, keys in lower case. */
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Runs the packaged ffmpeg.
 * @param input written to its standard input, piece by piece, as fast as it reads
 * @returns its standard output @throws Error with the end of what it complained about
 */
export async function ffmpeg(args: readonly string[], input?: AsyncIterable<Buffer>): Promise<Buffer> {
  return run(ffmpegPackage.path, ['-hide_banner', '-loglevel', 'error', '-y', ...args], input);
}

/** @throws Error when the file is no media file */
export async function probe(path: string): Promise<MediaInfo> {
  const args = ['-v', 'error', '-count_frames', '-show_streams', '-show_format', '-of', 'json', path];
  const report = JSON.parse((await run(ffprobePackage.path, args)).toString('utf8')) as FfprobeReport;
  const video = report.streams.find(({ codec_type: type }) => type === 'video');
  const audio = report.streams.find(({ codec_type: type }) => type === 'audio');
  const tags: Record<string, string> = {};
  for (const [key, value] of Object.entries(report.format.tags ?? {})) tags[key.toLowerCase()] = value;
  return {
    seconds: Number(report.format.duration ?? 0),
    tags,
    ...(video === undefined
      ? {}
      : {
          video: {
            width: video.width ?? 0,
            height: video.height ?? 0,
            fps: fraction(video.r_frame_rate ?? '0/1'),
            frames: Number(video.nb_read_frames ?? 0),
            codec: video.codec_name,
          },
        }),
    ...(audio === undefined
      ? {}
      : {
          audio: {
            sampleRate: Number(audio.sample_rate ?? 0),
            channels: audio.channels ?? 0,
            codec: audio.codec_name,
          },
        }),
  };
}

/** The parts read of ffprobe's JSON. */
interface FfprobeReport {
  readonly streams: readonly {
    readonly codec_type: string;
    readonly codec_name: string;
    readonly width?: number;
    readonly height?: number;
    readonly r_frame_rate?: string;
    readonly nb_read_frames?: string;
    readonly sample_rate?: string;
    readonly channels?: number;
  }[];
  readonly format: { readonly duration?: string; readonly tags?: Readonly<Record<string, string>> };
}

function fraction(text: string): number {
  const [over = 0, under = 1] = text.split('/').map(Number);
  return over / under;
}

async function run(program: string, args: readonly string[], input?: AsyncIterable<Buffer>): Promise<Buffer> {
  await makeExecutable(program);
  const child = spawn(program, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  let complaints = '';
  child.stdout?.on('data', (bytes: Buffer) => output.push(bytes));
  child.stderr?.on('data', (bytes: Buffer) => {
    complaints = (complaints + bytes.toString('utf8')).slice(-2000);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  try {
    if (input !== undefined && child.stdin !== null) await write(child.stdin, input);
  } catch (error) {
    child.kill('SIGKILL');
    await ended;
    throw error;
  }
  const code = await ended;
  if (code !== 0) throw new Error(`${program.split('/').at(-1)} ended with ${code}: ${complaints.trim()}`);
  return Buffer.concat(output);
}

async function write(pipe: NodeJS.WritableStream, input: AsyncIterable<Buffer>): Promise<void> {
  // A program that has seen enough closes its end; its exit code then tells whether that was right.
  let isClosed = false;
  let wake: (() => void) | undefined;
  const onward = (): void => wake?.();
  pipe.on('error', () => {
    isClosed = true;
    onward();
  });
  pipe.on('drain', onward);
  for await (const bytes of input) {
    if (isClosed) return;
    const drained = new Promise<void>((resolve) => {
      wake = resolve;
    });
    if (!pipe.write(bytes)) await drained;
  }
  pipe.end();
}

/** The packages' binaries come without the permission to run on some systems. */
async function makeExecutable(program: string): Promise<void> {
  await access(program, constants.X_OK).catch(() => chmod(program, 0o755));
}
