import { describe, expect, it } from '@jest/globals';
import type { ExecutedOutput } from '@anime/contracts';
import fc from 'fast-check';
import { besideOccupied, outputPaths, type FiledOutput, type LayoutTokens } from './layout.js';

const JOB = '0193a000-0000-7000-8000-000000000001';
const PROJECT = '5d1f7f0c-7c0e-5a53-9b3a-2f6d0f5c9a10';
const tokens: LayoutTokens = { project: null, layout: { title: '../../etc', requestedAt: '2026-11-20T23:59:59.999Z' } };

function filed(output: Partial<ExecutedOutput> = {}, rest: Partial<FiledOutput> = {}): FiledOutput {
  return {
    jobId: JOB,
    attempt: 2,
    ordinal: 0,
    ...rest,
    output: {
      node: '7',
      index: 0,
      kind: 'image',
      role: 'final',
      blob: 'a'.repeat(64),
      size: 1,
      mediaType: 'image/png',
      filename: '../../x.png',
      pixelSha256: null,
      ...output,
    },
  };
}

describe('the place of an output', () => {
  it('is by kind and UTC day for a job without project', () => {
    expect(outputPaths(filed(), tokens)).toEqual({
      output: `unorganized/images/20261120/${JOB}_2_7_0.png`,
      thumbnail: `unorganized/images/20261120/${JOB}_2_7_0.thumb.webp`,
      sidecar: `unorganized/images/20261120/${JOB}_2_7_0.json`,
    });
  });

  it.each([
    ['slug of its project', 'demo-film', 'demo-film'],
    ['id of its project where no slug is known', null, PROJECT],
  ])('is below the %s and the day', (_what, slug, folder) => {
    const paths = outputPaths(filed(), { ...tokens, project: { id: PROJECT, slug } });
    expect(paths.output).toBe(`${folder}/jobs/2026/11/20/${JOB}_2_7_0.png`);
  });

  it.each([
    ['an animation', { kind: 'animation', mediaType: 'image/webp' }, 'videos', 'webp'],
    ['a film', { kind: 'image', mediaType: 'video/mp4' }, 'videos', 'mp4'],
    ['a sound', { kind: 'animation', mediaType: 'audio/flac' }, 'audio', 'flac'],
    ['a type that nobody knows', { kind: 'image', mediaType: 'application/constructor' }, 'images', 'bin'],
  ] as const)('of %s follows from what it is, not from its name on the server', (_what, output, folder, extension) => {
    expect(outputPaths(filed(output), tokens).output).toBe(`unorganized/${folder}/20261120/${JOB}_2_7_0.${extension}`);
  });
});

const anyNode = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom('..', '/', '../..', 'CON', 'a', 'A', 'ä', 'a.', 'a ', '~', '_', '7_0', '7', '\\', 'é', 'e\u0301'),
  fc.stringMatching(/^[a-zA-Z0-9_~./-]{0,60}$/),
);
const anyPlace = fc.record({
  attempt: fc.integer({ min: 1, max: 20 }),
  node: anyNode,
  index: fc.integer({ min: 0, max: 20 }),
  ordinal: fc.nat({ max: 200 }),
});
function pathsOf({ attempt, node, index, ordinal }: { attempt: number; node: string; index: number; ordinal: number }) {
  const { output, thumbnail, sidecar } = outputPaths(filed({ node, index }, { attempt, ordinal }), tokens);
  return [output, thumbnail, sidecar];
}

describe('every file name', () => {
  it('stays in its folder and is one that every common file system takes', () => {
    fc.assert(
      fc.property(anyPlace, (place) => {
        for (const path of pathsOf(place)) {
          const segments = path.split('/');
          expect(segments.slice(0, 3)).toEqual(['unorganized', 'images', '20261120']);
          expect(segments).toHaveLength(4);
          // Lower case only, none of <>:"|?*\ and control characters, no dot or blank at the end, short.
          expect(segments[3]).toMatch(/^[a-z0-9_~.-]{1,200}[a-z0-9]$/);
        }
      }),
    );
  });

  it('differs for different outputs, also where upper and lower case are one', () => {
    fc.assert(
      fc.property(anyPlace, anyPlace, (one, other) => {
        const sameOutput = one.attempt === other.attempt && one.index === other.index && one.node === other.node;
        // An ordinal names one output of an attempt.
        fc.pre(sameOutput || one.attempt !== other.attempt || one.ordinal !== other.ordinal);
        const [a, b] = [pathsOf(one), pathsOf(other)].map((paths) => paths.map((path) => path.toLowerCase()));
        if (!sameOutput) expect(a?.filter((path) => b?.includes(path))).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is the same for the same output', () => {
    fc.assert(fc.property(anyPlace, (place) => expect(pathsOf(place)).toEqual(pathsOf({ ...place }))));
  });
});

describe('the name beside an occupied one', () => {
  it('keeps folder and extension and names the content', () => {
    const sha256 = '0123456789abcdef'.repeat(4);
    expect(besideOccupied('a.b/c/x_0.thumb.webp', sha256)).toBe('a.b/c/x_0_0123456789abcdef.thumb.webp');
  });
});
