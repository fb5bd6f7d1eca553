import type { Canvas, Light } from './canvas.js';
import { css, type Hsl, hsl, shade } from './color.js';
import type { Design } from './design.js';
import type { Random } from './random.js';
import { d, element, ellipse, group, path } from './svg.js';

/** The landscape below the sky, far to near. */
export function drawPlace(design: Design, canvas: Canvas, light: Light): string {
  const near = design.figure === undefined ? drawTorii(design, canvas, light) : '';
  if (design.place === 'city') return drawCity(design, canvas, light) + near;
  if (design.place === 'sea') return drawSea(design, canvas, light) + near;
  return drawHills(design, canvas, light) + near;
}

const mix = (a: Hsl, b: Hsl, share: number): Hsl => ({
  hue: (a.hue + (((b.hue - a.hue + 540) % 360) - 180) * share + 360) % 360,
  saturation: a.saturation + (b.saturation - a.saturation) * share,
  lightness: a.lightness + (b.lightness - a.lightness) * share,
});

function drawHills(design: Design, canvas: Canvas, light: Light): string {
  const random = design.shapes('hills');
  const layers = [0, 1, 2, 3].map((layer) => {
    const color = mix(light.haze, light.land, layer / 3);
    const ridge = drawRidge(random, canvas, 0.56 + layer * 0.1, layer === 0 ? 62 : 34, color);
    return layer === 2 ? ridge + drawTrees(random, canvas, 0.79, shade(color, -12)) : ridge;
  });
  return layers.join('');
}

function drawRidge(random: Random, { width, height }: Canvas, level: number, relief: number, color: Hsl): string {
  const waves = [1, 2.3, 4.7].map((frequency) => ({
    frequency,
    start: random.between(0, 6.3),
    size: relief / frequency,
  }));
  const at = (x: number): number =>
    waves.reduce(
      (y, { frequency, start, size }) => y - size * Math.sin(start + (x / 512) * 2.4 * frequency),
      height * level,
    );
  let data = d`M0,${height}`;
  for (let x = 0; x <= width + 12; x += 12) data += d`L${x},${at(x)}`;
  return path(`${data}${d`L${width + 12},${height}`}Z`, {
    fill: css(color),
    stroke: css(shade(color, 9)),
    'stroke-width': 1.6,
  });
}

function drawTrees(random: Random, { width, height }: Canvas, level: number, color: Hsl): string {
  const trees = Array.from({ length: Math.round(width / 26) }, () => {
    const x = random.between(-10, width + 10);
    const y = height * (level + random.between(-0.02, 0.05));
    const size = random.between(12, 26);
    const tree = d`M${x},${y - size * 1.9}L${x + size * 0.62},${y}L${x - size * 0.62},${y}Z`;
    return path(tree, { fill: css(shade(color, random.between(-4, 7))) });
  });
  return trees.join('');
}

function drawCity(design: Design, canvas: Canvas, light: Light): string {
  const random = design.shapes('city');
  const rows = [0, 1, 2].map((row) => {
    const color = mix(light.haze, shade(light.land, light.isDark ? 0 : -4), row / 2);
    return drawBuildings(random, canvas, light, row, shade({ ...color, hue: light.haze.hue }, -row * 4));
  });
  return rows.join('');
}

function drawBuildings(random: Random, { width, height }: Canvas, light: Light, row: number, color: Hsl): string {
  const level = 0.6 + row * 0.1;
  const parts: string[] = [];
  const lit = light.isDark ? 0.55 : light.land.lightness < 35 ? 0.38 : 0.22;
  for (let x = -20; x < width;) {
    const wide = random.between(30, 62);
    const top = height * level - random.between(10, 130 - row * 26);
    parts.push(element('rect', { x, y: top, width: wide, height: height - top, fill: css(color) }));
    parts.push(element('rect', { x, y: top, width: wide, height: 3, fill: css(shade(color, 14)) }));
    for (let y = top + 12; y < height * 0.98; y += 15) {
      for (let at = x + 7; at < x + wide - 8; at += 12) {
        if (!random.chance(lit)) continue;
        const warm = random.chance(0.8) ? hsl(44, 96, 72) : hsl(190, 80, 78);
        parts.push(element('rect', { x: at, y, width: 5.5, height: 7.5, fill: css(warm, light.isDark ? 0.95 : 0.7) }));
      }
    }
    x += wide + random.between(-4, 6);
  }
  return parts.join('');
}

function drawSea(design: Design, canvas: Canvas, light: Light): string {
  const random = design.shapes('sea');
  const { width, height, phase } = canvas;
  const horizon = height * 0.6;
  const deep = hsl((light.sky[0].hue + 4) % 360, light.sky[0].saturation, Math.max(16, light.sky[0].lightness - 8));
  const islands = drawRidge(random, { ...canvas, height: horizon }, 0.985, 26, mix(light.haze, light.land, 0.3));
  const water = element('rect', { y: horizon, width, height: height - horizon, fill: css(deep) });
  const glints = Array.from({ length: 90 }, () => {
    const depth = random.next() ** 1.6;
    const y = horizon + 3 + depth * (height - horizon);
    const long = (8 + 46 * depth) * random.between(0.5, 1.4);
    const sway = Math.sin(2 * Math.PI * (phase + random.next())) * (2 + 7 * depth);
    const x = random.between(-30, width + 30) + sway;
    const color = random.chance(0.4) ? shade(light.sun, 2) : mix(deep, light.sky[2], 0.75);
    return ellipse(x, y, long, 0.8 + 1.7 * depth, { fill: css(color, 0.35 + 0.4 * depth) });
  });
  return islands + group(water + glints.join(''), {});
}

/** Something to look at where nobody stands. */
function drawTorii(design: Design, { width, height }: Canvas, light: Light): string {
  const red = light.isDark ? hsl(356, 58, 36) : hsl(6, 78, 50);
  const ink = css(shade(red, -26));
  const x = width / 2 - design.side * width * 0.1;
  const paint = { fill: css(red), stroke: ink, 'stroke-width': 2.2 };
  const pillars = [-86, 86].map((dx) =>
    path(d`M${dx - 10},210L${dx * 0.94 - 8},-40L${dx * 0.94 + 8},-40L${dx + 10},210Z`, paint),
  );
  const beams =
    element('rect', { x: -112, y: -8, width: 224, height: 15, ...paint }) +
    element('rect', { x: -8, y: -48, width: 16, height: 42, ...paint }) +
    path('M-146,-72Q0,-44 146,-72L136,-44Q0,-26 -136,-44Z', paint) +
    path('M-152,-84Q0,-54 152,-84L146,-70Q0,-42 -146,-70Z', { ...paint, fill: css(shade(red, -24)) });
  return group(pillars.join('') + beams, { transform: d`translate(${x} ${height - 205})` });
}
