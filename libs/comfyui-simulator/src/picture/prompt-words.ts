import { type Hsl, hsl } from './color.js';

export type TimeOfDay = 'day' | 'sunset' | 'night' | 'dawn';
export type Particles = 'petals' | 'snow' | 'fireflies' | 'rain' | 'leaves';
export type Place = 'hills' | 'city' | 'sea';
export type HairStyle = 'long' | 'bob' | 'twintails' | 'ponytail';

/** What of a prompt the simulator can draw; everything left out is chosen from its hash. */
export interface PromptWords {
  readonly hair?: Hsl;
  readonly eyes?: Hsl;
  readonly outfit?: Hsl;
  readonly hairStyle?: HairStyle;
  readonly time?: TimeOfDay;
  readonly place?: Place;
  readonly particles?: Particles;
  readonly isScenery: boolean;
  readonly hasCatEars: boolean;
  readonly hasGlasses: boolean;
  readonly mouth?: 'smile' | 'open' | 'serious';
}

const COLORS: Readonly<Record<string, Hsl>> = {
  red: hsl(356, 74, 48),
  crimson: hsl(348, 78, 42),
  orange: hsl(24, 88, 56),
  blonde: hsl(45, 82, 68),
  blond: hsl(45, 82, 68),
  golden: hsl(42, 88, 58),
  yellow: hsl(48, 92, 60),
  green: hsl(140, 52, 42),
  teal: hsl(178, 60, 40),
  aqua: hsl(184, 72, 56),
  cyan: hsl(186, 74, 54),
  blue: hsl(214, 74, 52),
  indigo: hsl(243, 48, 42),
  purple: hsl(276, 54, 52),
  violet: hsl(268, 62, 58),
  lavender: hsl(262, 58, 76),
  pink: hsl(338, 80, 74),
  magenta: hsl(316, 70, 56),
  brown: hsl(22, 44, 33),
  black: hsl(244, 22, 17),
  grey: hsl(225, 10, 56),
  gray: hsl(225, 10, 56),
  silver: hsl(222, 22, 79),
  white: hsl(230, 26, 90),
};
const GARMENTS = 'dress|shirt|uniform|kimono|hoodie|jacket|coat|sweater|outfit|clothes|skirt|armor|cloak|cape';

export function readPrompt(prompt: string): PromptWords {
  const text = prompt.toLowerCase().replace(/[_,.;:()]+/g, ' ');
  const has = (words: string): boolean => new RegExp(`\\b(${words})\\b`).test(text);
  const first = <T>(options: Readonly<Record<string, T>>): T | undefined =>
    Object.entries(options).find(([words]) => has(words))?.[1];
  return withoutUndefined({
    hair: colorBefore(text, 'hair|haired|twintails|ponytail|bob'),
    eyes: colorBefore(text, 'eyes|eyed|eye'),
    outfit: colorBefore(text, GARMENTS),
    hairStyle: first<HairStyle>({
      'twintails|twin tails|pigtails': 'twintails',
      'ponytail|pony tail': 'ponytail',
      'short (?:[a-z]+ )?hair|bob': 'bob',
      'long (?:[a-z]+ )?hair': 'long',
    }),
    time: first<TimeOfDay>({
      'night|moon|moonlight|midnight|stars|starry': 'night',
      'sunset|dusk|evening|twilight|autumn': 'sunset',
      'dawn|sunrise|morning': 'dawn',
      'day|noon|daylight|sunny|summer|blue sky': 'day',
    }),
    place: first<Place>({
      'city|street|skyline|town|tokyo|urban|neon': 'city',
      'sea|ocean|beach|lake|coast|harbour|harbor': 'sea',
      'hills|mountain|mountains|field|meadow|forest|countryside': 'hills',
    }),
    particles: first<Particles>({
      'cherry blossom|cherry blossoms|sakura|petals|spring': 'petals',
      'snow|snowing|winter': 'snow',
      'fireflies|firefly|magic|sparkles': 'fireflies',
      'rain|raining|storm': 'rain',
      'leaves|autumn|maple': 'leaves',
    }),
    mouth: first<'smile' | 'open' | 'serious'>({
      'laughing|open mouth|excited|shouting|surprised': 'open',
      'serious|sad|angry|frown|determined|expressionless': 'serious',
      'smile|smiling|happy|cheerful': 'smile',
    }),
    isScenery: has('landscape|scenery|no humans|environment|background only'),
    hasCatEars: has('cat ears|cat girl|catgirl|nekomimi|neko|cat boy'),
    hasGlasses: has('glasses|spectacles|megane'),
  });
}

/** "long blue hair", "hair of blue" is not understood: a colour at most two words before the noun. */
function colorBefore(text: string, nouns: string): Hsl | undefined {
  const pattern = new RegExp(`\\b(${Object.keys(COLORS).join('|')})[ -](?:[a-z]+[ -]){0,2}?(?:${nouns})\\b`);
  const word = pattern.exec(text)?.[1];
  return word === undefined ? undefined : COLORS[word];
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>;
}
