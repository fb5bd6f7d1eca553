import type { Canvas } from './canvas.js';
import { css, hsl } from './color.js';
import type { Design } from './design.js';
import type { Random } from './random.js';
import { d, element, ellipse, group, path } from './svg.js';

/** What flies through the air; each piece travels a whole number of screens per loop. */
export function drawParticles(design: Design, canvas: Canvas): string {
  const random = design.details('particles');
  const count = Math.round((design.particles === 'rain' ? 70 : 34) * (canvas.width / 512));
  const pieces = Array.from({ length: count }, () => drawPiece(design, random, canvas));
  return pieces.join('');
}

function drawPiece(design: Design, random: Random, { width, height, phase }: Canvas): string {
  const near = random.next();
  const startX = random.next();
  const startY = random.next();
  const own = random.next();
  const size = 2.6 + 7.5 * near * near;
  const wave = Math.sin(2 * Math.PI * (phase + own));
  const fall = ((startY + phase) % 1) * (height + 40) - 20;
  const x = startX * width + wave * (6 + 18 * near);
  switch (design.particles) {
    case 'snow':
      return ellipse(x, fall, size * 0.5, size * 0.5, { fill: '#fff', opacity: 0.55 + 0.4 * near });
    case 'rain': {
      const drop = d`M${startX * width},${fall}l${-3 - 5 * near},${16 + 22 * near}`;
      return path(drop, { stroke: 'rgba(225,238,255,0.6)', 'stroke-width': 0.8 + near, fill: 'none' });
    }
    case 'fireflies': {
      const y = startY * height + wave * 10;
      const glow = 0.5 + 0.5 * Math.sin(2 * Math.PI * (phase * 2 + own));
      const color = css(hsl(58 + 40 * own, 96, 74));
      return group(
        ellipse(x, y, size * 1.9, size * 1.9, { fill: color, opacity: 0.12 + 0.16 * glow }) +
          ellipse(x, y, size * 0.42, size * 0.42, { fill: '#fffde0', opacity: 0.35 + 0.6 * glow }),
        {},
      );
    }
    case 'leaves':
    case 'petals': {
      const isPetal = design.particles === 'petals';
      const color = isPetal ? hsl(342, 88, 78 + 12 * own) : hsl(10 + 34 * own, 84, 52);
      const shape = isPetal ? 'M0,-6C6,-5 7,2 0,7C-7,2 -6,-5 -1.6,-6L0,-4Z' : 'M0,-8C5,-4 5,3 0,8C-5,3 -5,-4 0,-8Z';
      const turn = 360 * own + 120 * wave;
      const place = d`translate(${x} ${fall}) rotate(${turn}) scale(${size / 7} ${(size / 7) * (0.55 + 0.45 * Math.abs(wave))})`;
      const edge = { stroke: css(hsl(color.hue, 60, 46), 0.6), 'stroke-width': 0.7 };
      return element('path', { d: shape, transform: place, fill: css(color), ...edge });
    }
  }
}
