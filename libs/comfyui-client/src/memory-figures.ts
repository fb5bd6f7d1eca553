/** Memory as a message about too little of it tells it, in bytes; null where it does not. */
export interface MemoryFigures {
  /** Whose memory was too little. */
  readonly where: 'device' | 'host';
  readonly device: number | null;
  /** What could not be had. */
  readonly requested: number | null;
  readonly total: number | null;
  readonly free: number | null;
  /** In use by tensors of this process. */
  readonly allocated: number | null;
  /** Held by torch for this process, in use or not. */
  readonly reserved: number | null;
}

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  byte: 1,
  bytes: 1,
  kib: 2 ** 10,
  kb: 2 ** 10,
  mib: 2 ** 20,
  mb: 2 ** 20,
  gib: 2 ** 30,
  gb: 2 ** 30,
  tib: 2 ** 40,
  tb: 2 ** 40,
};
const SIZE = '([\\d.]+) ?(bytes?|[KMGT]i?B|B)';
const sized = (pattern: string): RegExp => new RegExp(pattern.replaceAll('SIZE', SIZE), 'i');

/** What each figure is called, by all allocators together: no wording uses another's words for something else. */
const FIGURES = {
  requested: [
    // torch's caching allocator for CUDA, HIP (ROCm), XPU and MPS, of all versions.
    sized('Tried to allocate SIZE'),
    // torch's cudaMallocAsync allocator, ComfyUI's default on CUDA; the columns stand on one line where somebody folded it.
    sized('Requested\\s*: SIZE'),
    // torch's allocator of the host: c10/core/impl/alloc_cpu.cpp.
    sized('you tried to allocate SIZE'),
    // numpy's MemoryError.
    sized('Unable to allocate SIZE'),
    // torch-directml.
    sized('Could not allocate tensor with SIZE'),
  ],
  total: [
    // torch 1.x to 2.0: "(GPU 0; 7.79 GiB total capacity; …".
    sized('SIZE total capacity'),
    // torch 2.1 on, which 2.1 wrote "capacty".
    sized('has a total capaci?ty of SIZE'),
    sized('Device limit\\s*: SIZE'),
    // MPS has a limit instead.
    sized('max allowed: SIZE'),
  ],
  free: [sized('; SIZE free'), sized('of which SIZE is free'), sized('Free \\(according to CUDA\\)\\s*: SIZE')],
  allocated: [
    sized('SIZE already allocated'),
    sized('Of the allocated memory SIZE is allocated by PyTorch'),
    sized('Currently allocated\\s*: SIZE'),
    sized('MPS allocated: SIZE'),
  ],
  // torch before 1.4 called it cached.
  reserved: [sized('SIZE reserved in total by PyTorch'), sized('SIZE cached')],
} as const satisfies Record<string, readonly RegExp[]>;

/** Torch 2.x tells what it holds beyond the tensors. */
const RESERVED_BESIDE = sized('and SIZE is reserved by PyTorch but unallocated');
const DEVICE = /\bGPU (\d+)\b|\bon device (\d+)\b/i;
const HOST = /DefaultCPUAllocator|Unable to allocate .* for an array/i;

/**
 * The figures of an out-of-memory message; undefined when it has none, like a bare "Allocation on device". Units are binary
 * whatever they are called: torch's `MB` of MPS is 2^20 too.
 */
export function memoryFiguresOf(message: string): MemoryFigures | undefined {
  const figure = (name: keyof typeof FIGURES): number | null => {
    for (const pattern of FIGURES[name]) {
      const found = bytesIn(pattern.exec(message));
      if (found !== null) return found;
    }
    return null;
  };
  const [requested, total, free, allocated] = [
    figure('requested'),
    figure('total'),
    figure('free'),
    figure('allocated'),
  ];
  const beside = bytesIn(RESERVED_BESIDE.exec(message));
  const reserved = beside !== null && allocated !== null ? allocated + beside : figure('reserved');
  if ([requested, total, free, allocated, reserved].every((value) => value === null)) return undefined;
  const device = DEVICE.exec(message);
  return {
    where: HOST.test(message) ? 'host' : 'device',
    device: device === null ? null : Number(device[1] ?? device[2]),
    requested,
    total,
    free,
    allocated,
    reserved,
  };
}

function bytesIn(found: RegExpExecArray | null): number | null {
  const unit = UNITS[(found?.[2] ?? '').toLowerCase()];
  const value = Number(found?.[1]);
  return unit === undefined || !Number.isFinite(value) ? null : Math.round(value * unit);
}
