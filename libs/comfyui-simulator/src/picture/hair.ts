import { css, ink, shade } from './color.js';
import type { Figure } from './design.js';
import type { Pose } from './pose.js';
import { d, path } from './svg.js';

/** Hair behind head and body. */
export function drawBackHair(figure: Figure, { sway }: Pose): string {
  const { hair, hairStyle } = figure;
  const paint = { fill: 'url(#back-hair)', stroke: ink(hair), 'stroke-width': 2.6 };
  const strand = { fill: 'none', stroke: ink(hair), 'stroke-width': 1.6, opacity: 0.5 };
  const cap = path('M-108,10C-124,-150 124,-150 108,10L94,70Q0,96 -94,70Z', paint);
  if (hairStyle === 'bob') {
    return path(
      d`M-104,-10C-134,70 -128,118 ${-112 + sway * 0.4},146Q-84,138 -66,128Q-40,96 0,96Q40,96 66,128Q84,138 ${112 + sway * 0.4},146C128,118 134,70 104,-10C100,-150 -100,-150 -104,-10Z`,
      paint,
    );
  }
  if (hairStyle === 'ponytail') {
    const tail = d`M30,-106C120,-150 176,-60 160,40C150,120 ${176 + sway},190 ${150 + sway * 2},262C${130 + sway},214 112,190 108,120C104,40 96,-20 30,-76Z`;
    return path(tail, paint) + path(d`M92,-92C140,-40 130,60 ${142 + sway},190`, strand) + cap;
  }
  if (hairStyle === 'twintails') {
    return (
      [-1, 1]
        .map((side) => {
          const wind = sway * 1.6;
          const tail = d`M${side * 88},-84C${side * 190},-110 ${side * 214},30 ${side * 176},130C${side * 164},190 ${side * 196 + wind},240 ${side * 172 + wind * 2},306C${side * 146 + wind},262 ${side * 118},226 ${side * 126},130C${side * 130},50 ${side * 120},-20 ${side * 84},-48Z`;
          return (
            path(tail, paint) +
            path(d`M${side * 128},-70C${side * 176},0 ${side * 136},120 ${side * 164 + wind},250`, strand)
          );
        })
        .join('') + cap
    );
  }
  const long = d`M-106,-6C-150,90 -132,220 ${-166 + sway},372Q-132,350 ${-116 + sway},384Q-84,352 -60,380L60,380Q84,352 ${116 + sway},384Q132,350 ${166 + sway},372C132,220 150,90 106,-6C102,-152 -102,-152 -106,-6Z`;
  return (
    path(long, paint) +
    path(
      d`M-112,60C-128,170 -112,260 ${-136 + sway},356M112,60C128,170 112,260 ${136 + sway},356M-96,130Q-104,240 -98,340M96,130Q104,240 98,340`,
      strand,
    )
  );
}

/** Crown, bangs, side locks and the ring of light on top. */
export function drawFrontHair(figure: Figure, { sway }: Pose): string {
  const { hair } = figure;
  const paint = { fill: 'url(#hair)', stroke: ink(hair), 'stroke-width': 2.6 };
  const wind = sway * 0.45;
  const locks = [-1, 1]
    .map((side) =>
      path(
        d`M${side * 78},-74C${side * 112},-40 ${side * 110},40 ${side * 100},92C${side * 98},118 ${side * 92 + wind},138 ${side * 84 + wind * 2},152C${side * 82 + wind},118 ${side * 74},96 ${side * 80},44C${side * 82},0 ${side * 72},-30 ${side * 60},-52Z`,
        paint,
      ),
    )
    .join('');
  const crown = d`M-110,14C-134,-70 -96,-142 0,-144C96,-142 134,-70 110,14C104,-4 100,-22 92,-36C${92 + wind},-10 ${86 + wind},2 ${78 + wind},14C72,-8 64,-28 52,-44C${54 + wind},-14 ${46 + wind},4 ${32 + wind},20C32,-6 24,-30 14,-46C${12 + wind},-16 ${0 + wind},2 ${-16 + wind},16C-12,-8 -14,-30 -20,-46C${-28 + wind},-16 ${-42 + wind},4 ${-58 + wind},18C-54,-6 -54,-26 -58,-42C-66,-22 ${-76 + wind},-2 ${-90 + wind},10C-88,-8 -88,-22 -90,-36C-98,-22 -104,-4 -110,14Z`;
  const strands = path(
    'M0,-142C-6,-110 -14,-80 -18,-52M6,-142C14,-112 16,-80 14,-54M-34,-136C-56,-108 -62,-76 -60,-50M40,-136C58,-108 60,-78 54,-52M-70,-116C-88,-90 -94,-64 -92,-42M72,-116C90,-90 96,-64 94,-42',
    {
      fill: 'none',
      stroke: ink(hair),
      'stroke-width': 1.7,
      opacity: 0.55,
    },
  );
  const shine = path(
    'M-92,-66C-82,-92 -62,-104 -44,-108L-40,-92L-30,-110C-14,-114 14,-114 28,-110L36,-92L44,-108C62,-104 82,-92 92,-66C78,-82 64,-88 52,-90L44,-76L36,-94C14,-98 -14,-98 -34,-94L-42,-76L-50,-90C-64,-88 -78,-82 -92,-66Z',
    {
      fill: css(shade(hair, 30), 0.75),
    },
  );
  return locks + path(crown, paint) + shine + strands;
}
