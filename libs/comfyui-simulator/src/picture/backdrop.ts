import type { Canvas, Light } from './canvas.js';
import { css, type Hsl, hsl, shade } from './color.js';
import type { Design } from './design.js';
import { drawPlace } from './place.js';
import type { TimeOfDay } from './prompt-words.js';
import type { Random } from './random.js';
import { d, element, ellipse, group, linearGradient, path, radialGradient } from './svg.js';

const LIGHTS: Readonly<Record<TimeOfDay, Light>> = {
  day: {
    sky: [hsl(212, 82, 52), hsl(203, 84, 68), hsl(190, 78, 86)],
    sun: hsl(48, 100, 84),
    cloud: hsl(205, 60, 97),
    haze: hsl(202, 52, 70),
    land: hsl(128, 42, 44),
    isDark: false,
  },
  dawn: {
    sky: [hsl(232, 58, 62), hsl(318, 56, 76), hsl(28, 92, 80)],
    sun: hsl(34, 100, 84),
    cloud: hsl(334, 72, 90),
    haze: hsl(288, 34, 68),
    land: hsl(176, 30, 42),
    isDark: false,
  },
  sunset: {
    sky: [hsl(256, 54, 40), hsl(340, 70, 60), hsl(30, 96, 64)],
    sun: hsl(40, 100, 76),
    cloud: hsl(350, 78, 78),
    haze: hsl(312, 42, 50),
    land: hsl(268, 34, 30),
    isDark: false,
  },
  night: {
    sky: [hsl(240, 64, 13), hsl(234, 56, 26), hsl(216, 58, 44)],
    sun: hsl(52, 60, 92),
    cloud: hsl(226, 42, 54),
    haze: hsl(228, 44, 34),
    land: hsl(226, 40, 18),
    isDark: true,
  },
};

export function lightOf(design: Design): Light {
  const light = LIGHTS[design.time];
  const turn = (color: Hsl): Hsl => ({ ...color, hue: (color.hue + design.skyHue + 360) % 360 });
  const [top, middle, bottom] = light.sky;
  return { ...light, sky: [turn(top), turn(middle), turn(bottom)], haze: turn(light.haze) };
}

/** Everything behind the figure, in two parts: SVG definitions and drawing. */
export function drawBackdrop(design: Design, canvas: Canvas): { defs: string; body: string } {
  const light = lightOf(design);
  const [top, middle, bottom] = light.sky;
  const defs = [
    linearGradient('sky', [
      [0, css(top)],
      [0.5, css(middle)],
      [0.85, css(bottom)],
    ]),
    radialGradient('glow', [
      [0, css(light.sun, 0.9)],
      [0.25, css(light.sun, 0.45)],
      [1, css(light.sun, 0)],
    ]),
    linearGradient('cloud', [
      [0, css(light.cloud)],
      [1, css(shade(light.cloud, -14), 0.75)],
    ]),
  ].join('');
  const sky = element('rect', { width: canvas.width, height: canvas.height, fill: 'url(#sky)' });
  const stars = light.isDark || design.time === 'dawn' ? drawStars(design, canvas) : '';
  const body =
    sky + stars + drawSun(design, canvas, light) + drawClouds(design, canvas) + drawPlace(design, canvas, light);
  return { defs, body };
}

function drawSun(design: Design, { width, height }: Canvas, light: Light): string {
  const random = design.shapes('sun');
  const x = width / 2 + design.side * width * random.between(0.22, 0.34);
  const low = design.time === 'sunset' || design.time === 'dawn';
  const y = height * (low ? random.between(0.4, 0.52) : random.between(0.14, 0.26));
  const radius = random.between(34, 48);
  const glow = ellipse(x, y, radius * 5, radius * 5, { fill: 'url(#glow)' });
  const disc = ellipse(x, y, radius, radius, { fill: css(shade(light.sun, 4)) });
  if (!light.isDark) return glow + disc;
  const craters = [
    [-0.3, -0.2, 0.2],
    [0.25, 0.25, 0.26],
    [0.2, -0.35, 0.12],
  ]
    .map(([dx = 0, dy = 0, size = 0]) =>
      ellipse(x + dx * radius, y + dy * radius, size * radius, size * radius, { fill: css(hsl(48, 26, 78), 0.6) }),
    )
    .join('');
  return glow + disc + craters;
}

function drawStars(design: Design, { width, height, phase }: Canvas): string {
  const random = design.details('stars');
  const count = Math.round((design.time === 'night' ? 110 : 26) * (width / 512));
  const stars = Array.from({ length: count }, () => {
    const x = random.between(0, width);
    const y = random.between(0, height * 0.62) ** 1.04;
    const size = random.between(0.5, 1.9);
    const twinkle = 0.65 + 0.35 * Math.sin(2 * Math.PI * (phase + random.next()));
    if (!random.chance(0.12)) return ellipse(x, y, size, size, { fill: '#fff', opacity: twinkle });
    const ray = size * 4.5 * twinkle;
    const star = d`M${x},${y - ray}Q${x},${y} ${x + ray},${y}Q${x},${y} ${x},${y + ray}Q${x},${y} ${x - ray},${y}Q${x},${y} ${x},${y - ray}Z`;
    return path(star, { fill: '#fffbe8' });
  });
  return stars.join('');
}

/** Clouds rock to and fro, once per loop, so that the last frame meets the first without a race across the sky. */
function drawClouds(design: Design, canvas: Canvas): string {
  const random = design.details('clouds');
  const count = Math.round((design.time === 'night' ? 4 : 6) * (canvas.width / 512));
  const span = canvas.width + 360;
  const clouds = Array.from({ length: count }, (_, index) => {
    const place = (index + random.between(0.1, 0.9)) / count;
    const x = place * span - 180 + 20 * Math.sin(2 * Math.PI * (canvas.phase + random.next()));
    const y = canvas.height * random.between(0.08, 0.5);
    return drawCloud(random, x, y, random.between(0.55, 1.25));
  });
  return group(clouds.join(''), { opacity: design.time === 'night' ? 0.55 : 0.92 });
}

function drawCloud(random: Random, x: number, y: number, scale: number): string {
  const puffs = Array.from({ length: 6 }, (_, index) => {
    const place = (index - 2.5) / 2.5;
    const radius = (1 - 0.55 * Math.abs(place)) * random.between(26, 40);
    return ellipse(place * 74, -radius * 0.55, radius * 1.25, radius, {});
  });
  const base = element('rect', { x: -96, y: -18, width: 192, height: 22, rx: 11 });
  const placed = d`translate(${x} ${y}) scale(${scale} ${scale * 0.8})`;
  return group(puffs.join('') + base, { transform: placed, fill: 'url(#cloud)' });
}
