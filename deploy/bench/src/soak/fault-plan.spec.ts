import { parseFaults } from '@anime/comfyui-simulator';
import { describe, expect, it } from '@jest/globals';
import { faultPlan, kindOf } from './fault-plan.js';

describe('the plan of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(faultPlan(7, 100, 3)).toEqual(faultPlan(7, 100, 3));
    expect(faultPlan(7, 100, 3)).not.toEqual(faultPlan(8, 100, 3));
  });

  it('holds what the simulator can do, on each of the servers, and what only a restart cures', () => {
    const plan = faultPlan(1, 500, 3);
    expect(plan.map(({ faults }) => parseFaults(faults)).filter((read) => typeof read === 'string')).toEqual([]);
    expect(new Set(plan.map(({ server }) => server))).toEqual(new Set([0, 1, 2]));
    expect(plan.filter(({ restartAfterMs }) => restartAfterMs !== undefined)).toHaveLength(25);
    expect(new Set(plan.map(({ faults }) => JSON.stringify(faults))).size).toBeGreaterThan(40);
  });

  it('has one that only a restart cures among the ten of a quick run, whatever the seed', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const deadly = faultPlan(seed, 10, 3).filter(({ restartAfterMs }) => restartAfterMs !== undefined);
      expect(deadly.map(kindOf)).toEqual([expect.stringMatching(/^(worker-death|gpu-fault)$/)]);
    }
  });
});
