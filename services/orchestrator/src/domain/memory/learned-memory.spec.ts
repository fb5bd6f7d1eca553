import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { footprintOf, LearnedMemory, type Run } from './learned-memory.js';

const GB = 1e9;
const JOB = { template: { id: 'text-to-image', version: 1 }, parameters: { prompt: 'x', width: 512, steps: 20 } };
const PLACE = footprintOf(JOB, 'normal');
/** A run beside what other jobs had loaded. */
const run = (peakGb: number, gpuGb = 24): Run => ({ peakBytes: peakGb * GB, gpuBytes: gpuGb * GB, alone: false });

describe('what runs have shown about memory', () => {
  it('lowers what must be free below what the template says after three runs, to a fifth more than the most of the last eight', () => {
    const learned = new LearnedMemory();
    const after = (...peaksGb: readonly number[]): number => {
      for (const gb of peaksGb) learned.worked(PLACE, run(gb));
      return learned.need(PLACE, 12 * GB).freeBytes;
    };
    expect([after(4), after(5), after(3)]).toEqual([12 * GB, 12 * GB, 6 * GB]);
    expect([after(7, 1, 1, 1, 1, 1, 1, 1), after(1)]).toEqual([8.4 * GB, 1.2 * GB]);
    expect([after(11), learned.need(PLACE, GB).freeBytes]).toEqual([12 * GB, GB]);
  });

  it('raises the GPU that is needed at once by a run that had it for itself, and no further than to one on which it worked', () => {
    const learned = new LearnedMemory();
    learned.worked(PLACE, run(20));
    expect(learned.need(PLACE, 4 * GB)).toEqual({ freeBytes: 4 * GB, gpuBytes: 4 * GB });
    learned.worked(PLACE, { ...run(10), alone: true });
    expect(learned.need(PLACE, 4 * GB)).toEqual({ freeBytes: 4 * GB, gpuBytes: 12 * GB });
    learned.worked(PLACE, run(7, 8));
    expect(learned.need(PLACE, 4 * GB)).toEqual({ freeBytes: 4 * GB, gpuBytes: 8 * GB });
  });

  it('raises it above a GPU that was too small, until a run on one that is no larger works after all', () => {
    const learned = new LearnedMemory();
    learned.ranOut(PLACE, 8 * GB);
    expect(learned.need(PLACE, 4 * GB)).toEqual({ freeBytes: 4 * GB, gpuBytes: 8 * GB + 1 });
    learned.worked(PLACE, run(6, 24));
    expect(learned.need(PLACE, 4 * GB).gpuBytes).toBe(8 * GB + 1);
    learned.worked(PLACE, run(6, 8));
    expect(learned.need(PLACE, 4 * GB).gpuBytes).toBe(4 * GB);
  });

  it('never asks for more to be free than the template says, nor for a larger GPU than one on which it worked', () => {
    const runs = fc.record({
      peakBytes: fc.nat(24 * GB),
      gpuBytes: fc.constantFrom(8 * GB, 12 * GB, 24 * GB),
      alone: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(runs, { minLength: 1, maxLength: 8 }), fc.nat(24 * GB), (all, said) => {
        const learned = new LearnedMemory();
        for (const each of all) learned.worked(PLACE, each);
        const { freeBytes, gpuBytes } = learned.need(PLACE, said);
        expect(freeBytes).toBeLessThanOrEqual(said);
        expect(gpuBytes).toBeLessThanOrEqual(Math.max(said, Math.min(...all.map((each) => each.gpuBytes))));
        expect([Number.isSafeInteger(freeBytes), Number.isSafeInteger(gpuBytes)]).toEqual([true, true]);
      }),
    );
  });

  it('is told of jobs alone that share template, variant and what decides over memory', () => {
    const learned = new LearnedMemory();
    learned.ranOut(PLACE, 8 * GB);
    const sameSize = { ...JOB, parameters: { ...JOB.parameters, prompt: 'y', steps: 30 } };
    const larger = { ...JOB, parameters: { ...JOB.parameters, width: 1024 } };
    expect(learned.need(footprintOf(sameSize, 'normal'), GB).gpuBytes).toBe(8 * GB + 1);
    expect(learned.need(footprintOf(larger, 'normal'), GB).gpuBytes).toBe(GB);
    expect(learned.need(footprintOf(JOB, 'low-memory'), GB).gpuBytes).toBe(GB);
  });

  it('is the same from a snapshot, and is bounded', () => {
    const seen = fc.record({ width: fc.nat(20), bytes: fc.nat(), ranOut: fc.boolean() });
    fc.assert(
      fc.property(fc.array(seen), (all) => {
        const learned = new LearnedMemory();
        for (const { width, bytes, ranOut } of all) {
          const place = footprintOf({ ...JOB, parameters: { width } }, 'normal');
          if (ranOut) learned.ranOut(place, bytes);
          else learned.worked(place, { peakBytes: bytes, gpuBytes: null, alone: false });
        }
        expect(new LearnedMemory(learned.toSnapshot()).toSnapshot()).toEqual(learned.toSnapshot());
      }),
    );
    const many = new LearnedMemory();
    for (let width = 0; width < 10_050; width += 1)
      many.worked(footprintOf({ ...JOB, parameters: { width } }, 'normal'), run(1));
    expect(many.toSnapshot()).toHaveLength(10_000);
  });
});
