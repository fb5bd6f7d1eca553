import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startSimulator } from '@anime/comfyui-simulator';
import type { ApiGraph } from '@anime/contracts';

const given = (name: string): string | undefined => (process.env[name] === '' ? undefined : process.env[name]);
const GIVEN = given('COMFYUI_URL');

/** What the tests run against that any server has to pass, for their titles. */
export const SERVER_NAME = GIVEN ?? 'hand: the simulator';
/** To sample with; undefined when a server is given and no checkpoint of it. */
export const CHECKPOINT =
  given('COMFYUI_CHECKPOINT') ?? (GIVEN === undefined ? 'simulated-anime-v1.safetensors' : undefined);
/** A busy machine without a GPU takes its time. */
export const ANY_SERVER_LIMIT_MS = 180_000;
/** Unlike every other run: what a server knows already it would answer from its cache. */
export const RUN = randomUUID().slice(0, 8);

export interface AnyServer extends AsyncDisposable {
  readonly url: string;
}

/** The server that `npm run test:comfyui` was given in COMFYUI_URL; without one a simulator, which has to do the same. */
export async function anyServer(): Promise<AnyServer> {
  if (GIVEN !== undefined) return { url: GIVEN, [Symbol.asyncDispose]: () => Promise.resolve() };
  const dataDir = await mkdtemp(path.join(tmpdir(), 'any-server-'));
  const simulator = await startSimulator({ dataDir, stepDelayMs: 20 });
  return {
    url: simulator.url,
    [Symbol.asyncDispose]: async () => {
      await simulator.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

let colour = 0;
/** A picture of one colour that no other graph of this run has, saved by node 2; core nodes only. */
export function plainGraph(prefix: string, size = 64): ApiGraph {
  colour += 1;
  const image = { width: size, height: size, batch_size: 1, color: (Number.parseInt(RUN, 16) + colour) % 0xffffff };
  return {
    '1': { class_type: 'EmptyImage', inputs: image },
    '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: prefix } },
  };
}

/** Works for seconds without a model: large pictures are scaled again and again, each time by a node of its own; node 2 saves. */
export function laboriousGraph(prefix: string, nodes = 80): ApiGraph {
  const graph = plainGraph(prefix);
  let image = '1';
  for (let n = 0; n < nodes; n += 1) {
    const side = n % 2 === 0 ? 1_024 : 768;
    const size = { upscale_method: 'lanczos', width: side, height: side, crop: 'disabled' };
    graph[String(n + 3)] = { class_type: 'ImageScale', inputs: { image: [image, 0], ...size } };
    image = String(n + 3);
  }
  return { ...graph, '2': { class_type: 'SaveImage', inputs: { images: [image, 0], filename_prefix: prefix } } };
}

/** Samples a picture of 64×64 with a checkpoint in node 4, four steps unless told; node 6 saves. */
export function samplingGraph(
  checkpoint: string,
  prefix: string,
  { steps = 4, seed = 7 }: { readonly steps?: number; readonly seed?: number } = {},
): ApiGraph {
  return {
    '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: checkpoint } },
    '2': { class_type: 'CLIPTextEncode', inputs: { text: `a lighthouse ${prefix}`, clip: ['1', 1] } },
    '3': { class_type: 'EmptyLatentImage', inputs: { width: 64, height: 64, batch_size: 1 } },
    '4': {
      class_type: 'KSampler',
      inputs: {
        seed,
        steps,
        cfg: 5,
        sampler_name: 'euler',
        scheduler: 'normal',
        denoise: 1,
        model: ['1', 0],
        positive: ['2', 0],
        negative: ['2', 0],
        latent_image: ['3', 0],
      },
    },
    '5': { class_type: 'VAEDecode', inputs: { samples: ['4', 0], vae: ['1', 2] } },
    '6': { class_type: 'SaveImage', inputs: { images: ['5', 0], filename_prefix: prefix } },
  };
}
