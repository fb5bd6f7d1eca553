import { describe, expect, it } from '@jest/globals';
import { scorerBuildOf } from './scorer-build.js';

describe('the scorer build', () => {
  it('names the version and the graph, so that another of either is another build', () => {
    const graph = '1f3a9c0b'.padEnd(64, '0');
    expect(scorerBuildOf('0.1.0', graph)).toBe('0.1.0+graph.1f3a9c0b');
    expect(
      new Set([scorerBuildOf('0.1.0', graph), scorerBuildOf('0.1.1', graph), scorerBuildOf('0.1.0', 'a'.repeat(64))])
        .size,
    ).toBe(3);
  });
});
