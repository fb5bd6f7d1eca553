import type { Canvas } from './canvas.js';
import { css, type Hsl, hsl, ink, shade } from './color.js';
import type { Figure } from './design.js';
import { drawEyes } from './eyes.js';
import { drawBackHair, drawFrontHair } from './hair.js';
import { type Pose, poseAt } from './pose.js';
import { d, ellipse, group, linearGradient, path, radialGradient } from './svg.js';

/** The figure, drawn around the middle of its face; `centre` is where that comes to lie. */
export function drawFigure(
  figure: Figure,
  canvas: Canvas,
  centre: { x: number; y: number; scale: number },
): { defs: string; body: string } {
  const pose = poseAt(canvas.phase);
  const head = group(
    (figure.hasCatEars ? drawCatEars(figure) : '') +
      drawFace(figure, pose) +
      drawFrontHair(figure, pose) +
      drawExtras(figure),
    { transform: d`rotate(${figure.tilt} 0 110)` },
  );
  const back = group(drawBackHair(figure, pose), { transform: d`rotate(${figure.tilt} 0 110)` });
  const body = group(back + drawBody(figure, pose) + group(head, { transform: d`translate(0 ${pose.breath})` }), {
    transform: d`translate(${centre.x} ${centre.y}) scale(${centre.scale})`,
    'stroke-linejoin': 'round',
    'stroke-linecap': 'round',
  });
  const { hair, skin, eyes, outfit } = figure;
  const defs = [
    linearGradient('skin', [
      [0, css(shade(skin, 3))],
      [1, css(shade(skin, -3))],
    ]),
    linearGradient('hair', [
      [0, css(shade(hair, 10))],
      [0.55, css(hair)],
      [1, css(shade(hair, -14))],
    ]),
    linearGradient('back-hair', [
      [0, css(shade(hair, -18))],
      [0.6, css(shade(hair, -8))],
      [1, css(shade(hair, 6))],
    ]),
    linearGradient('iris', [
      [0, css(shade(eyes, -30))],
      [0.5, css(eyes)],
      [1, css(shade(eyes, 26))],
    ]),
    linearGradient('outfit', [
      [0, css(shade(outfit, 8))],
      [1, css(shade(outfit, -10))],
    ]),
    radialGradient('blush', [
      [0, css(hsl(350, 90, 68), 0.55)],
      [1, css(hsl(350, 90, 68), 0)],
    ]),
  ].join('');
  return { defs, body };
}

function drawBody(figure: Figure, pose: Pose): string {
  const { skin, outfit, accent } = figure;
  const line = { stroke: ink(outfit), 'stroke-width': 2.6 };
  const rise = pose.breath;
  const neck =
    path('M-23,92L-25,150Q0,176 25,150L23,92Z', {
      fill: css(shade(skin, -5)),
      stroke: ink(skin),
      'stroke-width': 2.2,
    }) + path('M-23,104Q4,132 23,112L24,128Q0,150 -24,124Z', { fill: css(shade(skin, -16), 0.8) });
  const torso = path(
    d`M-26,${146 + rise}C-70,${160 + rise} -140,${168 + rise} -166,214C-184,250 -190,330 -192,420L192,420C190,330 184,250 166,214C140,${168 + rise} 70,${160 + rise} 26,${146 + rise}Q0,${186 + rise} -26,${146 + rise}Z`,
    { fill: 'url(#outfit)', ...line },
  );
  const sleeves = path('M-128,232Q-116,300 -122,420M128,232Q116,300 122,420', { fill: 'none', ...line, opacity: 0.7 });
  const collarColor = shade(outfit, outfit.lightness > 60 ? -34 : 38);
  const collar =
    path(
      d`M-30,${140 + rise}C-74,${156 + rise} -112,${166 + rise} -124,${178 + rise}L-92,232L0,262L92,232L124,${178 + rise}C112,${166 + rise} 74,${156 + rise} 30,${140 + rise}L0,${214 + rise}Z`,
      { fill: css(collarColor), ...line },
    ) +
    path(d`M-112,${184 + rise}L-86,222L0,250L86,222L112,${184 + rise}`, {
      fill: 'none',
      stroke: css(outfit),
      'stroke-width': 3.4,
    });
  return neck + torso + sleeves + collar + drawBow(accent, 0, 222 + rise, 1.15, pose.sway * 0.5);
}

/** A ribbon bow, its ends moved by the wind. */
function drawBow(color: Hsl, x: number, y: number, scale: number, sway: number): string {
  const line = { stroke: ink(color), 'stroke-width': 2.2 };
  const bow =
    path(d`M-4,6Q-22,34 ${-24 + sway},64L${-8 + sway},56L0,8Z`, { fill: css(shade(color, -8)), ...line }) +
    path(d`M4,6Q22,34 ${24 + sway},64L${8 + sway},56L0,8Z`, { fill: css(shade(color, -8)), ...line }) +
    path('M0,0C-18,-26 -50,-24 -48,0C-50,22 -18,20 0,4Z', { fill: css(color), ...line }) +
    path('M0,0C18,-26 50,-24 48,0C50,22 18,20 0,4Z', { fill: css(color), ...line }) +
    path('M-12,0Q-26,-8 -38,-4M12,0Q26,-8 38,-4', { fill: 'none', stroke: css(shade(color, 20)), 'stroke-width': 3 }) +
    ellipse(0, 2, 9, 10, { fill: css(shade(color, 8)), ...line });
  return group(bow, { transform: d`translate(${x} ${y}) scale(${scale})` });
}

function drawFace(figure: Figure, pose: Pose): string {
  const { skin } = figure;
  const line = ink(skin);
  const ears = [-1, 1]
    .map((side) =>
      path(d`M${side * 86},6C${side * 106},-8 ${side * 106},40 ${side * 82},46Z`, {
        fill: css(shade(skin, -4)),
        stroke: line,
        'stroke-width': 2,
      }),
    )
    .join('');
  const outline =
    'M-89,-24C-93,36 -76,72 -40,98Q-14,117 0,117Q14,117 40,98C76,72 93,36 89,-24C88,-104 -88,-104 -89,-24Z';
  const face = path(outline, { fill: 'url(#skin)', stroke: line, 'stroke-width': 2.4 });
  const hairShadow = path('M-88,-30C-60,14 -30,-6 0,4C30,-6 60,14 88,-30C84,-96 -84,-96 -88,-30Z', {
    fill: css(shade(skin, -14), 0.55),
  });
  const blush = [-1, 1].map((side) => ellipse(side * 55, 58, 25, 15, { fill: 'url(#blush)' })).join('');
  const nose = path('M-1,52Q4,56 -1,58', { fill: 'none', stroke: css(shade(skin, -34)), 'stroke-width': 2 });
  return ears + face + hairShadow + blush + drawEyes(figure, pose) + nose + drawMouth(figure);
}

function drawMouth({ mouth, skin }: Figure): string {
  const line = { stroke: css(hsl(352, 52, 34)), 'stroke-width': 2.6 };
  if (mouth === 'open') {
    return (
      path('M-17,76Q0,70 17,76Q14,101 0,101Q-14,101 -17,76Z', { fill: css(hsl(352, 58, 44)), ...line }) +
      path('M-9,94Q0,86 9,94Q6,100 0,100Q-6,100 -9,94Z', { fill: css(hsl(354, 84, 72)) }) +
      path('M-13,77.5Q0,73 13,77.5L11,81Q0,78 -11,81Z', { fill: '#fff' })
    );
  }
  if (mouth === 'serious') return path('M-9,84Q0,80 9,84', { fill: 'none', ...line });
  return (
    path('M-15,79Q-7,88 0,83Q7,88 15,79', { fill: 'none', ...line }) +
    path('M-5,93Q0,96 5,93', { fill: 'none', stroke: css(shade(skin, -24)), 'stroke-width': 1.8 })
  );
}

function drawCatEars({ hair }: Figure): string {
  return [-1, 1]
    .map(
      (side) =>
        path(
          d`M${side * 34},-98C${side * 44},-160 ${side * 84},-178 ${side * 96},-172C${side * 104},-140 ${side * 102},-100 ${side * 90},-62Z`,
          { fill: css(hair), stroke: ink(hair), 'stroke-width': 2.6 },
        ) +
        path(
          d`M${side * 54},-104C${side * 60},-140 ${side * 80},-156 ${side * 88},-154C${side * 92},-130 ${side * 90},-104 ${side * 84},-84Z`,
          { fill: css(hsl(345, 70, 82)) },
        ),
    )
    .join('');
}

function drawExtras({ hasGlasses, hasRibbon, accent }: Figure): string {
  const glasses = hasGlasses
    ? [-1, 1]
        .map((side) =>
          ellipse(side * 41, 26, 31, 27, {
            fill: 'rgba(255,255,255,0.14)',
            stroke: css(hsl(250, 30, 20)),
            'stroke-width': 3.4,
          }),
        )
        .join('') + path('M-10,22Q0,16 10,22', { fill: 'none', stroke: css(hsl(250, 30, 20)), 'stroke-width': 3.4 })
    : '';
  const ribbon = hasRibbon ? group(drawBow(accent, 70, -92, 0.62, 0), { transform: 'rotate(18 70 -92)' }) : '';
  return glasses + ribbon;
}
