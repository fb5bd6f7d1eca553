import { describe, expect, it } from '@jest/globals';
import { DEFAULT_MODEL_FILES } from './model-files.js';
import type { Simulator } from './simulator.js';
import { get, post, type TestGraph, withSimulator } from './spec-client.js';
import { changed, run, studioGraphs } from './spec-graphs.js';

const graphs = await studioGraphs();
const ROOM = { stepDelayMs: 0, vramTotalMb: 49_152, checkpoints: DEFAULT_MODEL_FILES['checkpoints']! };

describe('the video memory of the server', () => {
  const job = (batch: number, checkpoint = 'illustriousXL_v01.safetensors'): TestGraph =>
    changed(graphs['01_sdxl_txt2img_lora']!, {
      '1': { ckpt_name: checkpoint },
      '6': { width: 256, height: 256, batch_size: batch },
      '7': { steps: 1 },
    });
  const modelSizesMb = Object.fromEntries(DEFAULT_MODEL_FILES['checkpoints']!.map((file) => [file, 500]));
  const small = { ...ROOM, vramTotalMb: 1000, modelSizesMb: { ...modelSizesMb, 'character.safetensors': 100 } };
  const free = async (simulator: Simulator): Promise<number> => {
    const { devices } = await get<{ devices: { vram_free: number }[] }>(simulator, '/system_stats');
    return Math.round(devices[0]!.vram_free / 1024 / 1024);
  };

  it('fills with models, is freed by POST /free, and a model counts as loaded each time it comes in', async () => {
    await withSimulator(async (simulator) => {
      expect(await free(simulator)).toBe(950);
      await run(simulator, job(1));
      expect(await free(simulator)).toBe(350);
      await run(simulator, job(2));
      expect(simulator.counters.modelLoads).toEqual({ 'illustriousXL_v01.safetensors': 1, 'character.safetensors': 1 });
      // Two checkpoints do not fit: the first has to go.
      await run(simulator, job(1, 'noobaiXLNAIXL_vPred10.safetensors'));
      expect(simulator.gpu.loadedModels).toEqual(['character.safetensors', 'noobaiXLNAIXL_vPred10.safetensors']);
      await post(simulator, '/free', { unload_models: true });
      await run(simulator, {
        '1': { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: 1, color: 1 } },
        '2': { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
      });
      expect(await free(simulator)).toBe(950);
    }, small);
  });

  it('is too small for a large batch: the error has the figures, and everything is unloaded', async () => {
    await withSimulator(async (simulator) => {
      const { status, error } = await run(simulator, job(200));
      expect(status).toBe('error');
      expect(error).toMatch(
        /^KSampler: CUDA out of memory\. Tried to allocate 650\.00 MiB\. GPU 0 has a total capacity of 1000\.00 MiB of which 350\.00 MiB is free/,
      );
      expect(await free(simulator)).toBe(950);
      expect(simulator.counters.samplerRuns).toBe(0);
      expect((await run(simulator, job(4))).error).toBeUndefined();
    }, small);
  });

  it('does not matter to a graph that only moves pixels', async () => {
    await withSimulator(
      async (simulator) => {
        await run(simulator, {
          '1': { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: 1, color: 1 } },
          '2': { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
        });
        expect(simulator.counters.modelLoads).toEqual({});
        expect(simulator.counters.nodesByClass).toEqual({ EmptyImage: 1, PreviewImage: 1 });
      },
      { vramTotalMb: 1 },
    );
  });

  it('offers a model as soon as it is in its folder, and refuses it once it is gone', async () => {
    await withSimulator(async (simulator) => {
      const posted = async (): Promise<number> =>
        (await post(simulator, '/prompt', { prompt: job(1, 'new.safetensors') })).status;
      expect(await posted()).toBe(400);
      simulator.modelFiles['checkpoints'] = ['new.safetensors'];
      expect(await posted()).toBe(200);
      expect(await get(simulator, '/models/checkpoints')).toEqual(['new.safetensors']);
    }, ROOM);
  });

  it('belongs to a card with the name, the size and the speed that were declared', async () => {
    const declared = {
      gpuName: 'NVIDIA GeForce RTX 3060',
      vramTotalMb: 12_288,
      stepDelayMs: 3_600_000,
      gpuSpeed: 3_600_000,
    };
    await withSimulator(
      async (simulator) => {
        const { devices } = await get<{ devices: unknown[] }>(simulator, '/system_stats');
        expect(devices).toEqual([
          expect.objectContaining({ name: 'NVIDIA GeForce RTX 3060 (simulator)', vram_total: 12_288 * 1024 * 1024 }),
        ]);
        // At a speed of one, a step would take an hour.
        expect((await run(simulator, job(1))).error).toBeUndefined();
      },
      { ...ROOM, ...declared },
    );
  });
});
