import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideClaim, type AttemptFact } from './claim.js';
import { mediaTypeOf } from './media-type.js';
import { nearest } from './nearest.js';
import { afterLook, hasVanished } from './vanishing.js';
import { isFullyCached, MOST_OUTPUTS, unfitOutputs, wantedOutputs } from './wanted-outputs.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('decideClaim', () => {
  const started = (attempt: number, claim = 'a'): AttemptFact => ({ kind: 'started', attempt, claim });
  const ended = (attempt: number): AttemptFact => ({ kind: 'ended', attempt });

  it('lets the first process claim, and only adopt what was claimed', () => {
    expect(decideClaim([], 1)).toEqual({ kind: 'claim' });
    expect(decideClaim([started(1, 'other')], 1)).toEqual({ kind: 'adopt', claim: 'other' });
  });

  it('claims a second attempt after the first failed', () => {
    expect(decideClaim([started(1), ended(1)], 2)).toEqual({ kind: 'claim' });
  });

  it('adopts although a late fact of an earlier attempt stands last', () => {
    expect(decideClaim([started(1), started(2, 'b'), ended(1)], 2)).toEqual({ kind: 'adopt', claim: 'b' });
  });

  it('is over once the attempt has ended, or a later one has begun', () => {
    expect(decideClaim([started(1), ended(1)], 1)).toEqual({ kind: 'over' });
    expect(decideClaim([ended(1)], 1)).toEqual({ kind: 'over' });
    expect(decideClaim([started(2)], 1)).toEqual({ kind: 'over' });
  });

  it('never allows a claim when the attempt has a started, in any order of facts', () => {
    const fact = fc.oneof(
      fc.record({ kind: fc.constant('started' as const), attempt: fc.integer({ min: 1, max: 4 }), claim: fc.string() }),
      fc.record({ kind: fc.constant('ended' as const), attempt: fc.integer({ min: 1, max: 4 }) }),
    );
    fc.assert(
      fc.property(fc.array(fact), fc.integer({ min: 1, max: 4 }), (facts, attempt) => {
        if (facts.some((known) => known.kind === 'started' && known.attempt === attempt)) {
          expect(decideClaim(facts, attempt).kind).not.toBe('claim');
        }
      }),
    );
  });
});

describe('a prompt vanishes', () => {
  it('after two absent looks five seconds apart', () => {
    const first = afterLook(null, 'absent', 1_000);
    expect(hasVanished(first, 1_000)).toBe(false);
    expect(hasVanished(afterLook(first, 'absent', 5_999), 5_999)).toBe(false);
    expect(hasVanished(afterLook(first, 'absent', 6_000), 6_000)).toBe(true);
  });

  it('not when it was seen, or the server was silent, in between', () => {
    const first = afterLook(null, 'absent', 1_000);
    for (const look of ['present', 'unknown'] as const) {
      const again = afterLook(afterLook(first, look, 3_000), 'absent', 7_000);
      expect(hasVanished(again, 7_000)).toBe(false);
    }
  });
});

describe('wantedOutputs', () => {
  const outputs = [{ node: '9', kind: 'image' as const, role: 'main' }];
  const file = (filename: string, type = 'output') => ({ filename, subfolder: 'anime/j/1', type });

  it('takes the output files of the accepted nodes, numbered, and no previews', () => {
    const found = wantedOutputs(
      outputs,
      () => [file('t.png', 'temp'), file('a.png'), file('b.png')],
      () => [],
    );
    expect(found.missing).toEqual([]);
    expect(found.files.map(({ index, file: { filename } }) => [index, filename])).toEqual([
      [0, 'a.png'],
      [1, 'b.png'],
    ]);
  });

  it('names the node that made nothing', () => {
    const found = wantedOutputs(
      outputs,
      () => [file('t.png', 'temp')],
      () => ['no text was asked for'],
    );
    expect(found.missing).toEqual(['9']);
  });
});

describe('isFullyCached', () => {
  const graph = {
    '1': { class_type: 'EmptyImage', inputs: { width: 64 } },
    '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'x' } },
    '3': { class_type: 'Unused', inputs: {} },
  };
  it('asks only for the nodes that the outputs need', () => {
    expect(isFullyCached(graph, [{ node: '2' }], ['1', '2'])).toBe(true);
    expect(isFullyCached(graph, [{ node: '2' }], ['1'])).toBe(false);
    expect(isFullyCached(graph, [], [])).toBe(false);
  });
});

describe('unfitOutputs', () => {
  const wanted = (...names: readonly string[]) => ({
    files: names.map((filename, index) => ({
      node: '9',
      kind: 'image' as const,
      role: 'main',
      index,
      file: { filename, subfolder: '', type: 'output' },
    })),
    texts: [],
    missing: [],
  });

  it('takes as many as the log can hold, and says how many are too many', () => {
    const names = Array.from({ length: MOST_OUTPUTS }, (_, n) => `${n}.png`);
    expect(unfitOutputs(wanted(...names))).toBeUndefined();
    expect(unfitOutputs(wanted(...names, 'one-more.png'))).toMatchObject({
      class: 'invalid',
      reason: 'too-many-outputs',
      message: expect.stringContaining('made 501 outputs, a job may make 500 at most'),
    });
  });

  it('names a file whose name is too long for the log', () => {
    expect(unfitOutputs(wanted('x'.repeat(1024)))).toBeUndefined();
    expect(unfitOutputs(wanted('a.png', `long-${'x'.repeat(1020)}`))).toMatchObject({
      class: 'invalid',
      reason: 'output-name-too-long',
      message: expect.stringMatching(/^The name of a file of node 9 has 1025 characters, 1024 are possible: long-x+…$/),
      evidence: { nodeId: '9' },
    });
  });
});

describe('mediaTypeOf', () => {
  it.each([
    ['\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'image/png'],
    ['RIFF\x10\0\0\0WEBPVP8X', 'image/webp'],
    ['\xff\xd8\xff\xe0\0\x10JFIF', 'image/jpeg'],
    ['GIF89a', 'image/gif'],
    ['\0\0\0\x20ftypisom', 'video/mp4'],
    ['\x1aE\xdf\xa3', 'video/webm'],
    ['\0\0\0\x1cftypavif', 'image/avif'],
    ['\0\0\0\x14ftypqt  ', 'video/quicktime'],
    ['\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska', 'video/x-matroska'],
    ['RIFF\x10\0\0\0WAVEfmt ', 'audio/wav'],
    ['fLaC\0\0\0\x22', 'audio/flac'],
    ['ID3\x04', 'audio/mpeg'],
    ['\xff\xfb\x90\x64', 'audio/mpeg'],
    ['OggS\0\x02', 'audio/ogg'],
    ['glTF\x02\0\0\0', 'model/gltf-binary'],
    ['\x76\x2f\x31\x01\x02\0\0\0', 'image/x-exr'],
    ['II*\0\x08\0\0\0', 'image/tiff'],
    ['MM\0*\0\0\0\x08', 'image/tiff'],
    ['8BPS\0\x01', 'image/vnd.adobe.photoshop'],
    ['#?RADIANCE\n', 'image/vnd.radiance'],
    ['BM6\0\x03\0\0\0\0\0', 'image/bmp'],
    ['BM is a text', 'text/plain'],
    ['<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<!-- a -->\n<svg width="1">', 'image/svg+xml'],
    ['<?xml version="1.0"?><html>', 'text/plain'],
    ['<html>an error <svg></html>', 'text/plain'],
    ['a cat, smiling \xe2\x98', 'text/plain'],
    ['not \xff text', 'application/octet-stream'],
    ['\0\x01\x02', 'application/octet-stream'],
    ['', 'application/octet-stream'],
  ])('knows %j as %s', (head, type) => {
    expect(mediaTypeOf(bytes(head))).toBe(type);
  });
});

describe('nearest', () => {
  it('puts the most alike first and leaves out what has nothing in common', () => {
    expect(nearest('sdxl_base.safetensors', ['sd15.safetensors', 'SDXL_base_1.0.safetensors', 'xyz'], 5)).toEqual([
      'SDXL_base_1.0.safetensors',
      'sd15.safetensors',
    ]);
  });
});
