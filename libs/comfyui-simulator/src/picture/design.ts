import { type Hsl, hsl } from './color.js';
import {
  type HairStyle,
  type Particles,
  type Place,
  type PromptWords,
  readPrompt,
  type TimeOfDay,
} from './prompt-words.js';
import { type Random, randomFor } from './random.js';
import type { SamplingRecipe } from './recipe.js';

/** The decisions behind one picture. Frames of one batch share them. */
export interface Design {
  readonly time: TimeOfDay;
  readonly place: Place;
  readonly particles: Particles;
  readonly figure: Figure | undefined;
  /** Where the figure and the sun stand, -1 left to 1 right. */
  readonly side: number;
  readonly skyHue: number;
  /** For shapes of the landscape; called anew for each layer so that layers do not shift each other. */
  readonly shapes: (layer: string) => Random;
  /** Small things that sampler, scheduler, cfg, steps, checkpoint and negative prompt change. */
  readonly details: (layer: string) => Random;
}

export interface Figure {
  readonly hair: Hsl;
  readonly eyes: Hsl;
  readonly skin: Hsl;
  readonly outfit: Hsl;
  readonly accent: Hsl;
  readonly hairStyle: HairStyle;
  readonly mouth: 'smile' | 'open' | 'serious';
  readonly hasCatEars: boolean;
  readonly hasGlasses: boolean;
  readonly hasRibbon: boolean;
  /** Of the head, degrees. */
  readonly tilt: number;
}

export function design(recipe: SamplingRecipe): Design {
  const words = readPrompt(recipe.prompt);
  const { seed, prompt, checkpoint, negativePrompt, sampler, scheduler, cfg, steps } = recipe;
  const shapes = (layer: string): Random => randomFor('shapes', prompt, checkpoint, seed, layer);
  const details = (layer: string): Random =>
    randomFor('details', prompt, checkpoint, seed, negativePrompt, sampler, scheduler, cfg, steps, layer);
  const random = shapes('design');
  const time = words.time ?? random.pick<TimeOfDay>(['day', 'sunset', 'night', 'dawn', 'day', 'sunset']);
  const place = words.place ?? random.pick<Place>(['hills', 'sea', 'city', 'hills']);
  const anyParticles: Particles = time === 'night' ? 'fireflies' : 'petals';
  const particles = words.particles ?? random.pick<Particles>([anyParticles, anyParticles, 'petals', 'leaves', 'snow']);
  return {
    time,
    place,
    particles,
    figure: words.isScenery ? undefined : figure(words, shapes('figure')),
    side: random.chance(0.5) ? 1 : -1,
    skyHue: random.between(-14, 14),
    shapes,
    details,
  };
}

function figure(words: PromptWords, random: Random): Figure {
  const anyHair = random.pick([
    hsl(214, 62, 56),
    hsl(338, 72, 74),
    hsl(276, 46, 58),
    hsl(24, 48, 34),
    hsl(44, 78, 68),
    hsl(244, 22, 20),
    hsl(178, 48, 50),
    hsl(356, 66, 50),
    hsl(222, 24, 80),
    hsl(152, 40, 48),
  ]);
  const anyEyes = hsl(random.between(0, 360), 76, 46);
  const anyOutfit = hsl(random.between(0, 360), 48, 42);
  const accent = hsl((words.outfit?.hue ?? anyOutfit.hue) + random.between(120, 220), 74, 56);
  return {
    hair: words.hair ?? anyHair,
    eyes: words.eyes ?? anyEyes,
    skin: random.pick([hsl(26, 82, 90), hsl(24, 76, 87), hsl(22, 60, 80), hsl(20, 46, 66)]),
    outfit: words.outfit ?? anyOutfit,
    accent: { ...accent, hue: accent.hue % 360 },
    hairStyle: words.hairStyle ?? random.pick<HairStyle>(['long', 'bob', 'twintails', 'ponytail']),
    mouth: words.mouth ?? random.pick(['smile', 'smile', 'open', 'serious'] as const),
    hasCatEars: words.hasCatEars || random.chance(0.08),
    hasGlasses: words.hasGlasses,
    hasRibbon: random.chance(0.5),
    tilt: random.between(-5, 5),
  };
}
