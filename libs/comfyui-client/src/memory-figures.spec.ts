import { describe, expect, it } from '@jest/globals';
import { memoryFiguresOf } from './memory-figures.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const gib = (value: number): number => Math.round(value * GIB);

describe('the memory figures of a message', () => {
  it.each([
    [
      'torch 1.0 to 1.3',
      'CUDA out of memory. Tried to allocate 20.00 MiB (GPU 1; 7.79 GiB total capacity; 6.50 GiB already allocated; 11.69 MiB free; 34.50 MiB cached)',
      {
        where: 'device',
        device: 1,
        requested: 20 * MIB,
        total: gib(7.79),
        free: Math.round(11.69 * MIB),
        allocated: gib(6.5),
        reserved: 34.5 * MIB,
      },
    ],
    [
      'torch 1.4 to 2.0',
      'CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 7.79 GiB total capacity; 5.20 GiB already allocated; 0 bytes free; 5.40 GiB reserved in total by PyTorch) If reserved memory is >> allocated memory try setting max_split_size_mb to avoid fragmentation.',
      {
        where: 'device',
        device: 0,
        requested: 2 * GIB,
        total: gib(7.79),
        free: 0,
        allocated: gib(5.2),
        reserved: gib(5.4),
      },
    ],
    [
      'torch 2.1 to 2.2, with its misspelling',
      'CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacty of 23.69 GiB of which 2.94 MiB is free. Including non-PyTorch memory, this process has 23.50 GiB memory in use. Of the allocated memory 22.00 GiB is allocated by PyTorch, and 1.00 GiB is reserved by PyTorch but unallocated.',
      {
        where: 'device',
        device: 0,
        requested: 512 * MIB,
        total: gib(23.69),
        free: Math.round(2.94 * MIB),
        allocated: 22 * GIB,
        reserved: 23 * GIB,
      },
    ],
    [
      'torch 2.3 on',
      'CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB of which 300.00 MiB is free. Process 7 has 7.40 GiB memory in use. Of the allocated memory 6.50 GiB is allocated by PyTorch, and 128.00 MiB is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.',
      {
        where: 'device',
        device: 0,
        requested: 2 * GIB,
        total: gib(7.79),
        free: 300 * MIB,
        allocated: gib(6.5),
        reserved: gib(6.5) + 128 * MIB,
      },
    ],
    [
      'torch 2.x on ROCm',
      'HIP out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 15.98 GiB of which 1.02 GiB is free. Of the allocated memory 14.00 GiB is allocated by PyTorch, and 512.00 MiB is reserved by PyTorch but unallocated.',
      {
        where: 'device',
        device: 0,
        requested: 1.5 * GIB,
        total: gib(15.98),
        free: gib(1.02),
        allocated: 14 * GIB,
        reserved: 14.5 * GIB,
      },
    ],
    [
      'torch’s cudaMallocAsync allocator, the default of ComfyUI on CUDA',
      'Allocation on device 0 would exceed allowed memory. (out of memory)\nCurrently allocated     : 7.50 GiB\nRequested               : 320.00 MiB\nDevice limit            : 7.79 GiB\nFree (according to CUDA): 0 bytes\nPyTorch limit (set by user-supplied memory fraction)\n                        : 17179869184.00 GiB\n\nThis error means you ran out of memory on your GPU.',
      {
        where: 'device',
        device: 0,
        requested: 320 * MIB,
        total: gib(7.79),
        free: 0,
        allocated: 7.5 * GIB,
        reserved: null,
      },
    ],
    [
      'the same folded into one line',
      'Allocation on device 0 would exceed allowed memory. (out of memory) Currently allocated : 15.16 GiB Requested : 512.00 KiB Device limit : 15.99 GiB Free (according to CUDA): 27.06 MiB PyTorch limit (set by user-supplied memory fraction) : 17179869184.00 GiB',
      {
        where: 'device',
        device: 0,
        requested: 512 * 1024,
        total: gib(15.99),
        free: Math.round(27.06 * MIB),
        allocated: gib(15.16),
        reserved: null,
      },
    ],
    [
      'torch on MPS',
      'MPS backend out of memory (MPS allocated: 5.05 GB, other allocations: 2.29 GB, max allowed: 6.80 GB). Tried to allocate 1024.00 MB on private pool. Use PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0 to disable upper limit for memory allocations (may cause system failure).',
      {
        where: 'device',
        device: null,
        requested: GIB,
        total: gib(6.8),
        free: null,
        allocated: gib(5.05),
        reserved: null,
      },
    ],
    [
      'torch’s allocator of the host',
      "[enforce fail at alloc_cpu.cpp:114] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8589934592 bytes. Error code 12 (Cannot allocate memory)",
      {
        where: 'host',
        device: null,
        requested: 8 * GIB,
        total: null,
        free: null,
        allocated: null,
        reserved: null,
      },
    ],
    [
      'numpy',
      'Unable to allocate 7.50 GiB for an array with shape (121, 2048, 2048, 4) and data type float32',
      {
        where: 'host',
        device: null,
        requested: 7.5 * GIB,
        total: null,
        free: null,
        allocated: null,
        reserved: null,
      },
    ],
  ] as const)('are read from the wording of %s', (_, message, figures) => {
    expect(memoryFiguresOf(message)).toEqual(figures);
  });

  it.each([
    'Allocation on device \n\nThis error means you ran out of memory on your GPU.',
    'CUDA error: an illegal memory access was encountered',
    'Tried to allocate nothing',
    '',
  ])('are none where it has none: %j', (message) => {
    expect(memoryFiguresOf(message)).toBeUndefined();
  });
});
