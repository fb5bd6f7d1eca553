import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { footprintOf, LearnedMemory } from './learned-memory.js';

const GB = 1e9;
const JOB = { template: { id: 'text-to-image', version: 1 }, parameters: { prompt: 'x', width: 512, steps: 20 } };
const PLACE = footprintOf(JOB, 'normal');

describe('what runs have shown about memory', () => {
  it('lowers a need that a template overstates, to the least that was enough', () => {
    const learned = new LearnedMemory();
    learned.worked(PLACE, 5 * GB);
    learned.worked(PLACE, 7 * GB);
    expect(learned.need(PLACE, 12 * GB)).toBe(5 * GB);
    expect(learned.need(PLACE, 4 * GB)).toBe(4 * GB);
  });

  it('raises a need above a GPU that was too small, until a run on such a one works after all', () => {
    const learned = new LearnedMemory();
    learned.ranOut(PLACE, 8 * GB);
    expect(learned.need(PLACE, 4 * GB)).toBe(8 * GB + 1);
    learned.worked(PLACE, 6 * GB);
    expect(learned.need(PLACE, 4 * GB)).toBe(4 * GB);
  });

  it('is told of jobs alone that share template, variant and what decides over memory', () => {
    const learned = new LearnedMemory();
    learned.ranOut(PLACE, 8 * GB);
    const sameSize = { ...JOB, parameters: { ...JOB.parameters, prompt: 'y', steps: 30 } };
    const larger = { ...JOB, parameters: { ...JOB.parameters, width: 1024 } };
    expect(learned.need(footprintOf(sameSize, 'normal'), GB)).toBe(8 * GB + 1);
    expect(learned.need(footprintOf(larger, 'normal'), GB)).toBe(GB);
    expect(learned.need(footprintOf(JOB, 'low-memory'), GB)).toBe(GB);
  });

  it('is the same from a snapshot, and is bounded', () => {
    const seen = fc.record({ width: fc.nat(20), bytes: fc.nat(), ranOut: fc.boolean() });
    fc.assert(
      fc.property(fc.array(seen), (all) => {
        const learned = new LearnedMemory();
        for (const { width, bytes, ranOut } of all) {
          const place = footprintOf({ ...JOB, parameters: { width } }, 'normal');
          if (ranOut) learned.ranOut(place, bytes);
          else learned.worked(place, bytes);
        }
        expect(new LearnedMemory(learned.toSnapshot()).toSnapshot()).toEqual(learned.toSnapshot());
      }),
    );
    const many = new LearnedMemory();
    for (let width = 0; width < 10_050; width += 1)
      many.worked(footprintOf({ ...JOB, parameters: { width } }, 'normal'), GB);
    expect(many.toSnapshot()).toHaveLength(10_000);
  });
});
