import { css, ink, shade } from './color.js';
import type { Figure } from './design.js';
import type { Pose } from './pose.js';
import { d, element, ellipse, group, path } from './svg.js';

/** Both eyes and brows. A closing lid is a scale in height, as in limited animation. */
export function drawEyes(figure: Figure, pose: Pose): string {
  return [-1, 1].map((side) => drawEye(figure, side, pose.eyesOpen)).join('');
}

function drawEye({ eyes, hair, mouth }: Figure, side: number, open: number): string {
  const dark = css(shade({ ...eyes, saturation: 34 }, -60));
  const lid = (1 - open) * 20;
  const clip = `eye${side}`;
  const white = d`M-24,6C-20,-26 18,-30 25,-2C24,22 10,27 -2,27C-16,27 -23,20 -24,6Z`;
  const inside =
    path(white, { fill: '#fdfbff' }) +
    path('M-24,6C-20,-26 18,-30 25,-2L25,-8L-24,-8Z', { fill: 'rgba(90,80,140,0.3)' }) +
    ellipse(0, 2, 18, 25, { fill: 'url(#iris)', stroke: css(shade(eyes, -34)), 'stroke-width': 2 }) +
    ellipse(0, 1, 8, 12, { fill: css(shade(eyes, -42)) }) +
    ellipse(0, 17, 10, 6, { fill: css(shade(eyes, 34), 0.65) }) +
    ellipse(-6 * side, -9, 6.4, 7.6, { fill: '#fff' }) +
    ellipse(7.5 * side, 11, 3, 3.6, { fill: '#fff', opacity: 0.9 });
  const lash = d`M-26,${8 + lid}C-22,${-30 + 1.7 * lid} 18,${-34 + 1.7 * lid} 27,${-5 + lid}L33,${-12 + lid}C30,${-6 + lid} 29,${2 + lid} 26,${3 + lid}C18,${-25 + 1.8 * lid} -18,${-22 + 1.8 * lid} -26,${8 + lid}Z`;
  const eye =
    element('clipPath', { id: clip }, path(white, {})) +
    group(group(inside, { 'clip-path': `url(#${clip})` }), {
      transform: d`translate(0 ${lid * 0.6}) scale(1 ${Math.max(0.04, open)})`,
    }) +
    path(lash, { fill: dark }) +
    path('M-13,26Q0,30 14,24', { fill: 'none', stroke: dark, 'stroke-width': 1.8, opacity: open }) +
    path(d`M-19,${-27 + lid * 0.4}Q0,${-37 + lid * 0.4} 20,${-27 + lid * 0.4}`, {
      fill: 'none',
      stroke: css(shade({ ...eyes, saturation: 30 }, -48), 0.5),
      'stroke-width': 1.6,
    });
  const slant = mouth === 'serious' ? 7 : 0;
  const brow = path(d`M-20,${-45 + slant}Q2,${-56 - slant / 2} 24,${-46 - slant}`, {
    fill: 'none',
    stroke: ink(hair),
    'stroke-width': 3.4,
  });
  // The lash wing points outwards on either side; the glints above stay left, where the light is.
  return group(eye + brow, { transform: d`translate(${side * 41} 28) scale(${side} 1)` });
}
