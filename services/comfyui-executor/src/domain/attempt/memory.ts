import type { MemoryEvidence } from '@anime/contracts';
import type { Decline } from './decline.js';

/** Memory of the GPU that a server works on, in bytes, as it tells it. */
export interface GpuMemory {
  readonly total: number;
  readonly free: number;
  /** In use by the server's own process, which it can give back; null when it does not tell. */
  readonly own: number | null;
  /** Reserved by the server's process and not in use, which is part of `free`; 0 when it does not tell. */
  readonly unused: number;
}

/** What `/system_stats` tells of one device. */
export interface DeviceFigures {
  readonly type?: string | undefined;
  readonly vram_total?: number | null | undefined;
  readonly vram_free?: number | null | undefined;
  readonly torch_vram_total?: number | null | undefined;
  readonly torch_vram_free?: number | null | undefined;
}

const GB = 1e9;
/** What torch keeps for its own work, e.g. of cuBLAS, when no model is loaded. */
const NOTHING_LOADED = 2 ** 28;

/** The memory of the largest GPU; undefined without one, or without figures. That of a CPU is the machine's. */
export function gpuMemory(devices: readonly DeviceFigures[]): GpuMemory | undefined {
  return devices
    .filter((device) => device.type !== 'cpu')
    .flatMap(({ vram_total: total, vram_free: free, torch_vram_total: reserved, torch_vram_free: unused }) => {
      if (total == null || free == null || total <= 0) return [];
      const own = reserved == null || unused == null ? null : Math.max(0, reserved - unused);
      return [{ total, free, own, unused: unused ?? 0 }];
    })
    .toSorted((a, b) => b.total - a.total)[0];
}

/**
 * The most that was in use, as far as it still shows: torch keeps what it has reserved until the server has to make room. What an
 * earlier job reserved counts too, so it may be too much, which the next run after a `/free` puts right; too little, nothing would.
 */
export function inUseAtPeak({ total, free, unused }: GpuMemory): number {
  return Math.min(total, total - free + unused);
}

/** What `vramGb` of an order asks for, in whole bytes: of a size that was told in GB, the very bytes that it was. 0 when nobody knows. */
export function neededBytes(vramGb: number): number {
  return Math.round(vramGb * GB);
}

/**
 * Whether the memory is enough as it is. What the server holds counts as free when the job uses the very models that the last one
 * used: to unload them would only mean to load them again.
 */
export function hasRoom(memory: GpuMemory, needed: number, sameModels: boolean): boolean {
  return memory.free >= needed || (sameModels && memory.free + (memory.own ?? 0) >= needed);
}

/** Whether the server has done what `/free` asked for, as far as its figures show it. */
export function hasFreed(before: GpuMemory, now: GpuMemory, needed: number): boolean {
  const nothingToSee = before.own === null || before.own < NOTHING_LOADED;
  const gaveBack = now.free > before.free || (now.own ?? 0) < (before.own ?? 0);
  return now.free >= needed && (nothingToSee || gaveBack);
}

/** The GPU is too small for the job, whatever is unloaded; undefined when it is not. */
export function tooLittleMemory(memory: GpuMemory, needed: number): Decline | undefined {
  if (memory.total >= needed) return undefined;
  return {
    reason: 'too-little-memory',
    message: `The job needs ${gb(needed)} of GPU memory, and the GPU has ${gb(memory.total)}`,
    evidence: { memory: figures(memory, needed) },
  };
}

/** The memory stayed taken after the server was asked to free what it holds. */
export function noMemory(memory: GpuMemory, needed: number): Decline {
  return {
    reason: 'no-memory',
    message:
      `The job needs ${gb(needed)} of GPU memory, and ${gb(memory.free)} of ${gb(memory.total)} are free ` +
      'after ComfyUI was asked to unload its models: something else holds the rest',
    evidence: { memory: figures(memory, needed) },
  };
}

function figures(memory: GpuMemory, needed: number): MemoryEvidence {
  return { neededBytes: needed, freeBytes: memory.free, totalBytes: memory.total };
}

function gb(bytes: number): string {
  return `${(bytes / GB).toFixed(1)} GB`;
}
