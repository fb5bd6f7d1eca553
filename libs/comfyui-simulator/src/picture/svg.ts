/** A few words of SVG, so that the drawings read as drawings. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

export function element(name: string, attributes: Attributes, content = ''): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : (value ?? '')}"`)
    .join('');
  return content === '' ? `<${name}${written}/>` : `<${name}${written}>${content}</${name}>`;
}

/** Path data from a template: numbers are rounded to a hundredth. */
export function d(strings: TemplateStringsArray, ...values: readonly number[]): string {
  return strings.map((text, index) => text + (index < values.length ? round(values[index] ?? 0) : '')).join('');
}

export const path = (data: string, attributes: Attributes): string => element('path', { d: data, ...attributes });

export const ellipse = (cx: number, cy: number, rx: number, ry: number, attributes: Attributes): string =>
  element('ellipse', { cx, cy, rx, ry, ...attributes });

export const group = (content: string, attributes: Attributes): string =>
  content === '' ? '' : element('g', attributes, content);

/** Stops from top to bottom (or centre to edge): offset 0-1, colour. */
export type Stops = readonly (readonly [offset: number, color: string])[];

export function linearGradient(
  id: string,
  stops: Stops,
  attributes: Attributes = { x1: 0, y1: 0, x2: 0, y2: 1 },
): string {
  return element('linearGradient', { id, ...attributes }, stopElements(stops));
}

export function radialGradient(id: string, stops: Stops, attributes: Attributes = {}): string {
  return element('radialGradient', { id, ...attributes }, stopElements(stops));
}

function stopElements(stops: Stops): string {
  return stops.map(([offset, color]) => element('stop', { offset, 'stop-color': color })).join('');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
