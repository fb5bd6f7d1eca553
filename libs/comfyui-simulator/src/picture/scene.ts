import { drawBackdrop, lightOf } from './backdrop.js';
import type { Canvas } from './canvas.js';
import { css } from './color.js';
import type { Design } from './design.js';
import { drawFigure } from './figure-art.js';
import { drawParticles } from './particles.js';
import type { Size } from './recipe.js';
import { element, radialGradient } from './svg.js';

/** Height of the figure from crown to lower edge, and width of its shoulders with hair, in its own units. */
const FIGURE_HEIGHT = 470;
const FIGURE_WIDTH = 440;
const FACE_TO_BOTTOM = 296;

/**
 * The finished picture as SVG, without any noise.
 * @param phase place in the animation's loop, 0 to 1
 */
export function drawScene(design: Design, size: Size, phase: number): string {
  const unit = Math.min(size.width, size.height) / 512;
  const canvas: Canvas = { width: size.width / unit, height: size.height / unit, phase };
  const backdrop = drawBackdrop(design, canvas);
  const figure =
    design.figure === undefined ? undefined : drawFigure(design.figure, canvas, placeFigure(design, canvas));
  const light = lightOf(design);
  const tint = css(light.sky[1], light.isDark ? 0.22 : 0.07);
  const defs = radialGradient(
    'vignette',
    [
      [0.55, 'rgba(20,10,50,0)'],
      [1, 'rgba(20,10,50,0.34)'],
    ],
    { r: 0.75 },
  );
  const cover = (fill: string): string => element('rect', { width: canvas.width, height: canvas.height, fill });
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    width: size.width,
    height: size.height,
    viewBox: `0 0 ${canvas.width} ${canvas.height}`,
    preserveAspectRatio: 'none',
  };
  return element(
    'svg',
    attributes,
    element('defs', {}, backdrop.defs + (figure?.defs ?? '') + defs) +
      backdrop.body +
      (figure?.body ?? '') +
      cover(tint) +
      drawParticles(design, canvas) +
      cover('url(#vignette)'),
  );
}

/** Upright pictures have the figure in the middle, wide ones a third aside, away from the sun. */
function placeFigure(design: Design, canvas: Canvas): { x: number; y: number; scale: number } {
  const scale =
    Math.min(canvas.height / FIGURE_HEIGHT, canvas.width / FIGURE_WIDTH) *
    (design.figure?.hasCatEars === true ? 0.96 : 1.02);
  const room = Math.max(0, canvas.width - FIGURE_WIDTH * scale);
  return { x: canvas.width / 2 - design.side * room * 0.28, y: canvas.height - FACE_TO_BOTTOM * scale, scale };
}
