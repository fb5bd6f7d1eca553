import { NodeExecutionError } from './nodes/node-errors.js';

const MIB = 1024 * 1024;

/** Bytes of activations per pixel of the batch, by what is done to it. Chosen, not measured: large enough to matter. */
const ACTIVATION_BYTES = { sample: 52, encode: 26, decode: 26, upscale: 24 } as const;

export type GpuWork = keyof typeof ACTIVATION_BYTES;

export interface GpuOptions {
  readonly name: string;
  readonly vramTotalMb: number;
  /** Factor by which sampling is faster than `stepDelayMs` says. */
  readonly speed: number;
  /** Sizes of model files in MiB, by file name; others are estimated from the name. */
  readonly modelSizesMb: Readonly<Record<string, number>>;
  /** MiB that something else on the card holds. */
  readonly reservedMb?: () => number;
  /** Told whenever a file is brought into memory. */
  readonly onLoad: (file: string) => void;
}

/** In bytes, as /system_stats shows it. */
export interface GpuMemory {
  readonly total: number;
  readonly free: number;
  /** Held by models. */
  readonly models: number;
}

/**
 * The video memory of a card that is not there. Models lie in it whole until they are freed or others need the room,
 * the least recently used going first; activations come on top while a node works.
 */
export class Gpu {
  readonly name: string;
  readonly speed: number;
  private readonly totalMb: number;
  /** Driver and context, never available. */
  private readonly overheadMb: number;
  /** File to MiB, the least recently used first. */
  private readonly loaded = new Map<string, number>();
  private activationsMb = 0;

  /** @throws RangeError for a card without memory or speed */
  constructor(private readonly options: GpuOptions) {
    if (!(options.vramTotalMb > 0)) throw new RangeError(`vramTotalMb must be above 0, not ${options.vramTotalMb}`);
    if (!(options.speed > 0)) throw new RangeError(`gpuSpeed must be above 0, not ${options.speed}`);
    this.name = options.name;
    this.speed = options.speed;
    this.totalMb = options.vramTotalMb;
    this.overheadMb = Math.min(400, options.vramTotalMb * 0.05);
  }

  get memory(): GpuMemory {
    return {
      total: Math.floor(this.totalMb * MIB),
      free: Math.max(0, Math.floor(this.freeMb() * MIB)),
      models: Math.floor(this.modelsMb() * MIB),
    };
  }

  /** Files that lie in memory, the least recently used first. */
  get loadedModels(): readonly string[] {
    return [...this.loaded.keys()];
  }

  /**
   * Work on a batch of pictures with these model files: they are loaded, the activations are taken and given back.
   * @throws NodeExecutionError torch.OutOfMemoryError when it does not fit with everything else unloaded
   */
  async run<T>(work: GpuWork, files: readonly string[], pixels: number, use: () => Promise<T> | T): Promise<T> {
    this.load(files);
    const needMb = (pixels * ACTIVATION_BYTES[work]) / MIB;
    this.makeRoom(needMb, new Set(files));
    this.activationsMb += needMb;
    try {
      return await use();
    } finally {
      this.activationsMb -= needMb;
    }
  }

  /** Brings files into memory and makes them the most recently used. @throws NodeExecutionError see `run` */
  load(files: readonly string[]): void {
    const wanted = new Set(files);
    for (const file of wanted) {
      const known = this.loaded.get(file);
      const size = known ?? this.sizeMb(file);
      if (known === undefined) {
        this.makeRoom(size, wanted);
        this.options.onLoad(file);
      }
      this.loaded.delete(file);
      this.loaded.set(file, size);
    }
  }

  /** What POST /free with `unload_models` does, and ComfyUI itself after running out of memory. */
  unloadModels(): void {
    this.loaded.clear();
  }

  private makeRoom(needMb: number, keep: ReadonlySet<string>): void {
    for (const file of this.loaded.keys()) {
      if (this.freeMb() >= needMb) return;
      if (!keep.has(file)) this.loaded.delete(file);
    }
    if (this.freeMb() < needMb) throw outOfMemory(needMb, this.totalMb, this.freeMb());
  }

  private freeMb(): number {
    return this.totalMb - this.overheadMb - (this.options.reservedMb?.() ?? 0) - this.modelsMb() - this.activationsMb;
  }

  private modelsMb(): number {
    return [...this.loaded.values()].reduce((sum, size) => sum + size, 0);
  }

  private sizeMb(file: string): number {
    return this.options.modelSizesMb[file] ?? estimatedSizeMb(file);
  }
}

/** Sizes of published files of each family in MiB, rounded; the first pattern that matches counts. */
const SIZES: readonly (readonly [pattern: RegExp, sizeMb: number])[] = [
  [/taesd|yolo|rife|esrgan|_lora|lora_/i, 70],
  [/wan.*vae|vae/i, 250],
  [/umt5.*fp8/i, 6400],
  [/llava_llama3.*fp8|t5xxl.*fp8/i, 5000],
  [/umt5|t5xxl|llava_llama3(?!_vision)/i, 9800],
  [/14b.*fp8|framepack.*fp8/i, 14_000],
  [/14b|hunyuan|framepack/i, 26_000],
  [/5b/i, 9500],
  [/1\.3b/i, 2700],
  [/ltx/i, 6000],
  [/svd/i, 4600],
  [/clip_vision|vision|clip-vit|ip-adapter/i, 1200],
  [/controlnet/i, 2400],
  [/mm\.ckpt|_mm/i, 1600],
  [/clip_l/i, 240],
  [/xl|noob|illustrious|pony/i, 6600],
  [/character/i, 220],
];

/** A Stable Diffusion 1.5 checkpoint in half precision. */
const DEFAULT_SIZE_MB = 2000;

function estimatedSizeMb(file: string): number {
  return SIZES.find(([pattern]) => pattern.test(file))?.[1] ?? DEFAULT_SIZE_MB;
}

/** The words of PyTorch's allocator and, behind them, ComfyUI's own. */
function outOfMemory(needMb: number, totalMb: number, freeMb: number): NodeExecutionError {
  const inUse = Math.max(0, totalMb - freeMb);
  const reserved = Math.min(inUse, 32);
  return new NodeExecutionError(
    'torch.OutOfMemoryError',
    `CUDA out of memory. Tried to allocate ${size(needMb)}. GPU 0 has a total capacity of ${size(totalMb)} of which ` +
      `${size(Math.max(0, freeMb))} is free. Including non-PyTorch memory, this process has ${size(inUse)} memory in use. ` +
      `Of the allocated memory ${size(inUse - reserved)} is allocated by PyTorch, and ${size(reserved)} is reserved by ` +
      'PyTorch but unallocated. If reserved but unallocated memory is large try setting ' +
      'PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation for Memory ' +
      'Management  (https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)\n' +
      'This error means you ran out of memory on your GPU.\n\nTIPS: If the workflow worked before you might have ' +
      'accidentally set the batch_size to a large number.',
  );
}

function size(mb: number): string {
  return mb >= 1024 ? `${(mb / 1024).toFixed(2)} GiB` : `${mb.toFixed(2)} MiB`;
}
