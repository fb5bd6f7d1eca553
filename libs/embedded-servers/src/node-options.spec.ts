import { describe, expect, it } from '@jest/globals';
import { nodeOptionsOf } from './node-options.js';

describe('nodeOptionsOf', () => {
  it('bounds the young generation of the executor, and lets what the environment says come later', () => {
    expect(nodeOptionsOf('comfyui-executor')).toEqual({ NODE_OPTIONS: '--max-semi-space-size=4' });
    expect(nodeOptionsOf('comfyui-executor', '--max-semi-space-size=64')).toEqual({
      NODE_OPTIONS: '--max-semi-space-size=4 --max-semi-space-size=64',
    });
  });

  it('sets nothing for another service', () => {
    expect(nodeOptionsOf('gateway', '--inspect')).toEqual({});
  });
});
