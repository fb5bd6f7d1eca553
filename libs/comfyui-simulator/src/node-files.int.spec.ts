import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { withSimulator } from './spec-client.js';
import { download, filesOf, gradient, mediaInfo, pixelsOf, run, upload } from './spec-graphs.js';

describe('files of other kinds', () => {
  it('are animated PNGs, previews of masks and MP3s', async () => {
    await withSimulator(async (simulator) => {
      const finished = await run(simulator, {
        '1': { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 3, color: 2302 } },
        '2': {
          class_type: 'SaveAnimatedPNG',
          inputs: { images: ['1', 0], filename_prefix: 'anim', fps: 5, compress_level: 4 },
        },
        '3': { class_type: 'SolidMask', inputs: { value: 0.5, width: 24, height: 16 } },
        '4': { class_type: 'MaskPreview', inputs: { mask: ['3', 0] } },
        '5': { class_type: 'EmptyAudio', inputs: { duration: 2, sample_rate: 44_100, channels: 1 } },
        '6': { class_type: 'SaveAudioMP3', inputs: { audio: ['5', 0], filename_prefix: 'audio/b', quality: '128k' } },
      });
      expect(finished.error).toBeUndefined();
      expect(finished.outputs['2']).toEqual({
        images: [{ filename: 'anim_00001_.png', subfolder: '', type: 'output' }],
        animated: [true],
      });
      const animation = finished.outputs['2']!['images']![0]!;
      expect((await mediaInfo(simulator, animation)).video).toMatchObject({ codec: 'apng', frames: 3, width: 64 });
      expect((await download(simulator, animation)).toString('latin1')).toContain('comfprompt\0{"1": {"class_type"');
      expect(finished.outputs['4']).toMatchObject({ images: [{ type: 'temp' }], animated: [false] });
      const mask = await pixelsOf(await download(simulator, finished.outputs['4']!['images']![0]!));
      expect([mask.length, new Set(mask)]).toEqual([24 * 16 * 3, new Set([127])]);
      const sound = await mediaInfo(simulator, finished.outputs['6']!['audio']![0]!);
      expect(sound.audio).toMatchObject({ codec: 'mp3', channels: 1 });
      expect(Math.round(sound.seconds)).toBe(2);
    });
  });

  it('are loaded anew when their content changes, and not before', async () => {
    await withSimulator(async (simulator) => {
      const graph = {
        '1': { class_type: 'LoadImage', inputs: { image: 'x.png' } },
        '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'ld' } },
        '3': { class_type: 'LoadImageMask', inputs: { image: 'x.png', channel: 'alpha' } },
        '4': { class_type: 'MaskPreview', inputs: { mask: ['3', 0] } },
      };
      const half = { width: 8, height: 8, channels: 4, background: { r: 10, g: 20, b: 30, alpha: 0.2 } } as const;
      await upload(simulator, 'x.png', await sharp({ create: half }).png().toBuffer());
      const first = await run(simulator, graph);
      const mask = await pixelsOf(await download(simulator, first.outputs['4']!['images']![0]!));
      expect(mask[0]).toBe(204);
      expect([
        ...(await pixelsOf(await download(simulator, first.outputs['2']!['images']![0]!))).subarray(0, 3),
      ]).toEqual([10, 20, 30]);
      expect(filesOf(await run(simulator, graph))).toEqual(filesOf(first));
      await upload(simulator, 'x.png', await gradient(8, 8));
      expect((await run(simulator, graph)).outputs['2']!['images']![0]!.filename).toBe('ld_00002_.png');
      expect(simulator.counters.nodesByClass['LoadImage']).toBe(2);
    });
  });
});
