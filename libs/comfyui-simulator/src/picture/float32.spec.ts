import { describe, expect, it } from '@jest/globals';
import { FROM_BYTE, inverted, mean, mix, mixByMask, toByte } from './float32.js';

const ALL = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const RGB = Buffer.from([...ALL].flatMap((byte) => [byte, byte, byte]));

describe('bytes that were float32', () => {
  it('come out of a server as they went in', () => {
    expect(Buffer.from(Array.from(FROM_BYTE, toByte))).toEqual(ALL);
  });

  it('are cut off, so that 159 of 256 are one too low when they are inverted', () => {
    const low = [...inverted(ALL)].map((byte, value) => 255 - value - byte);
    expect(low.filter((by) => by === 1)).toHaveLength(159);
    expect(low.filter((by) => by === 0)).toHaveLength(97);
  });

  it('stay within 0 and 255', () => {
    expect([-1, 1.5, 0.5, 1].map(toByte)).toEqual([0, 255, 127, 255]);
  });

  it('of a picture are kept where another one has no share, and are its own where it has all', () => {
    const other = Buffer.alloc(256, 9);
    expect(mix(ALL, other, 0)).toEqual(ALL);
    expect(mix(other, ALL, 1)).toEqual(ALL);
    expect(mixByMask(RGB, Buffer.alloc(768, 9), Buffer.alloc(256))).toEqual(RGB);
    expect(mixByMask(Buffer.alloc(768, 9), RGB, Buffer.alloc(256, 255))).toEqual(RGB);
  });

  it('are cut off in a mix of two and in a mean of three', () => {
    expect([...mix(Buffer.from([0, 1]), Buffer.from([1, 2]), 0.5)]).toEqual([0, 1]);
    expect([...mean([Buffer.from([0, 9]), Buffer.from([1, 9]), Buffer.from([1, 9])])]).toEqual([0, 9]);
  });
});
