import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  gpuMemory,
  hasFreed,
  hasRoom,
  inUseAtPeak,
  neededBytes,
  noMemory,
  tooLittleMemory,
  type GpuMemory,
} from './memory.js';

const GIB = 2 ** 30;
const card = { type: 'cuda', vram_total: 8 * GIB, vram_free: 3 * GIB, torch_vram_total: 4 * GIB, torch_vram_free: GIB };

describe('gpuMemory', () => {
  it('is that of the largest GPU, with what the server itself holds', () => {
    expect(gpuMemory([{ ...card, vram_total: 4 * GIB }, card])).toEqual({
      total: 8 * GIB,
      free: 3 * GIB,
      own: 3 * GIB,
      unused: GIB,
    });
  });

  it('is unknown for a CPU, and for a device without figures', () => {
    expect(gpuMemory([{ ...card, type: 'cpu' }])).toBeUndefined();
    expect(gpuMemory([{ ...card, vram_free: null }])).toBeUndefined();
    expect(gpuMemory([])).toBeUndefined();
  });

  it('does not know what the server holds where it does not tell', () => {
    expect(gpuMemory([{ ...card, torch_vram_total: undefined }])?.own).toBeNull();
  });
});

describe('hasRoom', () => {
  const memory: GpuMemory = { total: 8e9, free: 2e9, own: 5e9, unused: 0 };
  it('counts what the server holds only when the job uses the same models', () => {
    expect(hasRoom(memory, 6e9, false)).toBe(false);
    expect(hasRoom(memory, 6e9, true)).toBe(true);
    expect(hasRoom(memory, 7.5e9, true)).toBe(false);
    expect(hasRoom({ ...memory, own: null }, 6e9, true)).toBe(false);
  });

  it('is never true for more than the GPU has', () => {
    const bytes = fc.double({ min: 0, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(
        bytes,
        fc.double({ min: 0, max: 1, noNaN: true }),
        bytes,
        fc.boolean(),
        (total, share, needed, same) => {
          const free = total * share;
          if (tooLittleMemory({ total, free, own: total - free, unused: 0 }, needed) !== undefined)
            expect(hasRoom({ total, free, own: 0, unused: 0 }, needed, same)).toBe(false);
        },
      ),
    );
  });
});

describe('hasFreed', () => {
  const before: GpuMemory = { total: 8e9, free: 4e9, own: 3e9, unused: 0 };
  it('waits for a figure that moves, also when enough was free before', () => {
    expect(hasFreed(before, before, 0)).toBe(false);
    expect(hasFreed(before, { ...before, free: 7e9, own: 0 }, 6e9)).toBe(true);
    expect(hasFreed(before, { ...before, free: 5e9, own: 2e9 }, 6e9)).toBe(false);
  });

  it('waits for nothing when nothing is loaded, or nobody can see it', () => {
    expect(hasFreed({ ...before, own: 8e6 }, { ...before, own: 8e6 }, 4e9)).toBe(true);
    expect(hasFreed({ ...before, own: null }, { ...before, own: null }, 4e9)).toBe(true);
  });
});

it('a decline tells needed, free and total, in bytes and in words', () => {
  const memory: GpuMemory = { total: 8e9, free: 2e9, own: 0, unused: 0 };
  expect(noMemory(memory, neededBytes(6.5))).toMatchObject({
    reason: 'no-memory',
    message: expect.stringContaining('needs 6.5 GB of GPU memory, and 2.0 GB of 8.0 GB are free'),
    evidence: { memory: { neededBytes: 6.5e9, freeBytes: 2e9, totalBytes: 8e9 } },
  });
  expect(tooLittleMemory(memory, 8e9)).toBeUndefined();
});

it('what torch has reserved and no longer uses was in use at the peak', () => {
  expect(inUseAtPeak({ total: 8e9, free: 6e9, own: 2e9, unused: 3e9 })).toBe(5e9);
  expect(inUseAtPeak({ total: 8e9, free: 6e9, own: null, unused: 0 })).toBe(2e9);
});

it('takes a size that was told in GB for the very bytes that it was', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 50 }), (bytes) => {
      const memory = { total: bytes, free: bytes, own: null, unused: 0 };
      expect(tooLittleMemory(memory, neededBytes(bytes / 1e9))).toBeUndefined();
    }),
    { numRuns: 1_000 },
  );
});
