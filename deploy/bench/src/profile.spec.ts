import { describe, expect, it } from '@jest/globals';
import { topFrames } from './profile.js';

const node = (id: number, functionName: string, url = '') => ({
  id,
  callFrame: { functionName, url, lineNumber: 9 },
});

describe('a CPU profile', () => {
  it('shows functions by their own share of the time in which anything was done', () => {
    const profile = {
      nodes: [
        node(1, '(idle)'),
        node(2, 'parse', 'file:///x/node_modules/zod/v4/core.js'),
        node(3, 'append', 'file:///x/libs/event-store/dist/appender.js'),
        // The same function, called from elsewhere.
        node(4, 'parse', 'file:///x/node_modules/zod/v4/core.js'),
        node(5, '(garbage collector)'),
      ],
      samples: [1, 2, 3, 4, 5, 9],
      timeDeltas: [900, 30, 20, 30, 20, 5],
    };
    expect(topFrames(profile, 2)).toEqual([
      { where: 'parse zod/v4/core.js:10', share: 0.6 },
      { where: 'append libs/event-store/dist/appender.js:10', share: 0.2 },
    ]);
    // The first 940 µs are its start: of parse only the second sample counts.
    expect(topFrames(profile, 1, 0.94)).toEqual([{ where: 'parse zod/v4/core.js:10', share: 30 / 70 }]);
  });
});
