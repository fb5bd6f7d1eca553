import { describe, expect, it } from '@jest/globals';
import { readPrompt } from './prompt-words.js';

describe('reading a prompt', () => {
  it('finds the colours of hair, eyes and clothes', () => {
    const words = readPrompt('1girl, (long blue hair:1.2), red_eyes, white summer dress');
    expect(words.hair?.hue).toBe(214);
    expect(words.eyes?.hue).toBe(356);
    expect(words.outfit?.lightness).toBeGreaterThan(80);
    expect(words.hairStyle).toBe('long');
  });

  it('does not take a colour of one thing for that of another', () => {
    const words = readPrompt('a red balloon, a girl with brown eyes');
    expect(words.hair).toBeUndefined();
    expect(words.eyes?.hue).toBe(22);
  });

  it('finds time, place, weather and whether anybody is there', () => {
    expect(readPrompt('city street at night in the rain')).toMatchObject({
      time: 'night',
      place: 'city',
      particles: 'rain',
      isScenery: false,
    });
    expect(readPrompt('scenery, no humans, sunset').isScenery).toBe(true);
  });

  it('leaves everything open for a prompt without such words', () => {
    expect(readPrompt('masterpiece')).toEqual({ isScenery: false, hasCatEars: false, hasGlasses: false });
  });
});
