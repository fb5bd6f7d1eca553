import sharp from 'sharp';
import type { Random } from './random.js';
import type { Size } from './recipe.js';
import { element } from './svg.js';

/** Colours of the limbs, the way pose detectors draw them. */
const LIMB_COLORS = ['#ff0000', '#ff8800', '#ffff00', '#88ff00', '#00ff00', '#00ffaa', '#00aaff', '#0000ff', '#aa00ff'];

/** A stick figure on black, its limbs at angles drawn from `random`. @returns raw RGB */
export async function drawPose(size: Size, random: Random): Promise<Buffer> {
  const { width, height } = size;
  const unit = height / 8;
  const lean = (random.next() - 0.5) * 0.4;
  const point = (x: number, y: number): readonly [number, number] => [
    width / 2 + (x + lean * (4 - y)) * unit,
    y * unit,
  ];
  const swing = (reach: number): number => (random.next() - 0.5) * reach;
  const neck = point(0, 2);
  const hip = point(0, 4.2);
  const limbs = [
    [point(swing(0.3), 1), neck],
    [neck, hip],
    ...[-1, 1].flatMap((side) => {
      const elbow = point(side * (0.9 + swing(0.6)), 3 + swing(0.8));
      const hand = point(side * (1.1 + swing(1.2)), 3.6 + swing(1.6));
      const knee = point(side * (0.4 + swing(0.4)), 5.6);
      const foot = point(side * (0.5 + swing(0.8)), 7.2);
      return [
        [neck, elbow],
        [elbow, hand],
        [hip, knee],
        [knee, foot],
      ] as const;
    }),
  ] as const;
  const lines = limbs.map(([[x1, y1], [x2, y2]], index) =>
    element('line', {
      x1,
      y1,
      x2,
      y2,
      stroke: LIMB_COLORS[index % LIMB_COLORS.length],
      'stroke-width': Math.max(2, unit / 8),
      'stroke-linecap': 'round',
    }),
  );
  const ground = element('rect', { width, height, fill: '#000' });
  const svg = element('svg', { xmlns: 'http://www.w3.org/2000/svg', width, height }, ground + lines.join(''));
  return sharp(Buffer.from(svg)).removeAlpha().raw().toBuffer();
}
