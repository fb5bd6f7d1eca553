import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Gpu } from './gpu.js';

const MIB = 1024 * 1024;
/** Pixels whose sampling takes so many MiB. */
const sampling = (mb: number): number => (mb * MIB) / 52;

/** A card of 1000 MiB, 950 of them free, with models of 300 MiB unless said otherwise. */
function card(sizes: Record<string, number> = {}, reservedMb = 0): { gpu: Gpu; loads: string[] } {
  const loads: string[] = [];
  const modelSizesMb = { a: 300, b: 300, c: 300, d: 300, ...sizes };
  const gpu = new Gpu({
    name: 'card',
    vramTotalMb: 1000,
    speed: 1,
    modelSizesMb,
    reservedMb: () => reservedMb,
    onLoad: (file) => loads.push(file),
  });
  return { gpu, loads };
}

async function failure(work: Promise<unknown>): Promise<{ exceptionType?: string; message?: string }> {
  return work.then(
    () => ({}),
    (error: object) => error,
  );
}

describe('the video memory', () => {
  it('keeps a model until the room is needed, the least recently used going first', () => {
    const { gpu, loads } = card();
    for (const file of ['a', 'b', 'a', 'c']) gpu.load([file]);
    expect(gpu.loadedModels).toEqual(['b', 'a', 'c']);
    gpu.load(['d']);
    expect(gpu.loadedModels).toEqual(['a', 'c', 'd']);
    expect(loads).toEqual(['a', 'b', 'c', 'd']);
    gpu.load(['b']);
    expect(loads).toEqual(['a', 'b', 'c', 'd', 'b']);
  });

  it('shows what is free while models lie there, while it works and after it', async () => {
    const { gpu } = card();
    expect(gpu.memory).toEqual({ total: 1000 * MIB, free: 950 * MIB, models: 0 });
    await gpu.run('sample', ['a'], sampling(200), () => {
      expect(gpu.memory.free / MIB).toBeCloseTo(450);
    });
    expect(gpu.memory).toEqual({ total: 1000 * MIB, free: 650 * MIB, models: 300 * MIB });
    gpu.unloadModels();
    expect(gpu.memory.free).toBe(950 * MIB);
  });

  it('unloads other models for activations, and never those that are worked with', async () => {
    const { gpu } = card();
    gpu.load(['a', 'b', 'c']);
    await gpu.run('sample', ['a'], sampling(600), () => {
      expect(gpu.loadedModels).toEqual(['a']);
    });
  });

  it('says with figures what did not fit, when not even unloading everything else helps', async () => {
    const { gpu } = card();
    gpu.load(['b']);
    const { exceptionType, message } = await failure(gpu.run('sample', ['a'], sampling(2048), () => undefined));
    expect(exceptionType).toBe('torch.OutOfMemoryError');
    expect(message).toMatch(
      /^CUDA out of memory\. Tried to allocate 2\.00 GiB\. GPU 0 has a total capacity of 1000\.00 MiB of which 650\.00 MiB is free\./,
    );
    expect(message).toContain('This error means you ran out of memory on your GPU.');
  });

  it('refuses models that are too large together', async () => {
    const { gpu } = card({ huge: 800 });
    const { message } = await failure(gpu.run('sample', ['huge', 'a'], 0, () => undefined));
    expect(message).toContain('Tried to allocate 300.00 MiB');
  });

  it('is refused with none, and so is a card without speed', () => {
    const options = { name: 'card', vramTotalMb: 1, speed: 1, modelSizesMb: {}, reservedMb: () => 0, onLoad: () => {} };
    expect(() => new Gpu({ ...options, vramTotalMb: 0 })).toThrow('vramTotalMb must be above 0');
    expect(() => new Gpu({ ...options, speed: Number.NaN })).toThrow('gpuSpeed must be above 0');
  });

  it('has no use of what others hold', () => {
    const { gpu } = card({}, 400);
    expect(gpu.memory.free).toBe(550 * MIB);
    gpu.load(['a']);
    gpu.load(['b']);
    expect(gpu.loadedModels).toEqual(['b']);
  });

  it('gives activations back when the work fails', async () => {
    const { gpu } = card();
    await failure(gpu.run('sample', [], sampling(500), () => Promise.reject(new Error('the node raised'))));
    expect(gpu.memory.free).toBe(950 * MIB);
  });

  it('is never overdrawn, whatever is loaded and worked on', async () => {
    const file = fc.constantFrom('a', 'b', 'c', 'd', 'huge', 'wan2.1_t2v_1.3B_fp16.safetensors');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.uniqueArray(file), fc.integer({ min: 0, max: 1200 }))), async (jobs) => {
        const { gpu } = card({ huge: 900 });
        for (const [files, mb] of jobs) {
          const { exceptionType } = await failure(
            gpu.run('sample', files, sampling(mb), () => {
              expect(gpu.loadedModels).toEqual(expect.arrayContaining(files));
              expect(gpu.memory.models + mb * MIB).toBeLessThanOrEqual(950 * MIB + 1);
            }),
          );
          expect([undefined, 'torch.OutOfMemoryError']).toContain(exceptionType);
          expect(gpu.memory.models + gpu.memory.free).toBe(950 * MIB);
        }
      }),
    );
  });
});
