import { insertionOrdered, isInNativeOrder } from './ordered-record.js';

/**
 * JSON as Python's `json` module reads and writes it. A JavaScript number has no type of its own, so what Python would
 * have kept of it (`7.0` is a float, 18446744073709551615 has all its digits) is remembered beside the object or array
 * that holds it. A copy of the holder forgets it; a changed value makes it void.
 */
const literals = new WeakMap<object, Map<string, string>>();

/** Makes the whole number at `key` a Python float: it is written `7.0`. */
export function markFloat(holder: object, key: string | number): void {
  remember(holder, String(key), 'float');
}

/** Makes the number at `key` an int again. */
export function unmarkFloat(holder: object, key: string | number): void {
  const known = literals.get(holder);
  if (known?.get(String(key)) === 'float') known.delete(String(key));
}

/** Whether the number at `key` would be written as a float. */
export function isFloatMarked(holder: object, key: string | number): boolean {
  return literals.get(holder)?.get(String(key)) === 'float';
}

function remember(holder: object, key: string, literal: string): void {
  const known = literals.get(holder);
  if (known === undefined) literals.set(holder, new Map([[key, literal]]));
  else known.set(key, literal);
}

/**
 * Reads JSON text as `json.loads` does: bare NaN, Infinity and -Infinity are numbers, members keep their order.
 * @throws SyntaxError
 */
export function parsePythonJson(text: string): unknown {
  return new Parser(text).document();
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const WORDS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
];

class Parser {
  private position = 0;
  /** Of the number that was read last: what has to be remembered of it. */
  private literal: string | undefined;

  constructor(private readonly text: string) {}

  document(): unknown {
    const value = this.value();
    this.skip(SPACE);
    if (this.position < this.text.length) throw this.error();
    return value;
  }

  private value(): unknown {
    this.skip(SPACE);
    this.literal = undefined;
    const next = this.text[this.position];
    if (next === '{') return this.object();
    if (next === '[') return this.array();
    if (next === '"') return this.string();
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.position)) {
        this.position += word.length;
        return value;
      }
    }
    return this.number();
  }

  private number(): number {
    NUMBER.lastIndex = this.position;
    const match = NUMBER.exec(this.text);
    if (match === null) throw this.error();
    this.position = NUMBER.lastIndex;
    const [literal, fraction, exponent] = match;
    const value = Number(literal);
    if (fraction !== undefined || exponent !== undefined) this.literal = 'float';
    else if (!Number.isSafeInteger(value)) this.literal = literal;
    return value;
  }

  private string(): string {
    const start = this.position;
    if (this.text[start] !== '"') throw this.error();
    // No pattern for a whole string: it would keep a place to go back to for each character of a long one.
    do {
      this.position = this.text.indexOf('"', this.position + 1);
      if (this.position === -1) throw new SyntaxError(`not JSON: the string at character ${start} has no end`);
    } while (this.isEscaped(this.position));
    this.position += 1;
    const read: unknown = JSON.parse(this.text.slice(start, this.position));
    return String(read);
  }

  /** Whether an odd number of backslashes stands before a quote within a string. */
  private isEscaped(quote: number): boolean {
    let first = quote;
    while (this.text[first - 1] === '\\') first -= 1;
    return (quote - first) % 2 === 1;
  }

  private array(): unknown[] {
    const items: unknown[] = [];
    this.position += 1;
    if (this.takes(']')) return items;
    do {
      const item = this.value();
      if (this.literal !== undefined) remember(items, String(items.length), this.literal);
      items.push(item);
    } while (this.takes(','));
    if (!this.takes(']')) throw this.error();
    this.literal = undefined;
    return items;
  }

  private object(): Record<string, unknown> {
    const members = new Map<string, readonly [value: unknown, literal: string | undefined]>();
    this.position += 1;
    if (!this.takes('}')) {
      do {
        this.skip(SPACE);
        const key = this.string();
        if (!this.takes(':')) throw this.error();
        const value = this.value();
        members.set(key, [value, this.literal]);
      } while (this.takes(','));
      if (!this.takes('}')) throw this.error();
    }
    this.literal = undefined;
    const record: Record<string, unknown> = isInNativeOrder([...members.keys()]) ? {} : insertionOrdered();
    for (const [key, [value, literal]] of members) {
      Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
      if (literal !== undefined) remember(record, key, literal);
    }
    return record;
  }

  private takes(character: string): boolean {
    this.skip(SPACE);
    if (this.text[this.position] !== character) return false;
    this.position += 1;
    return true;
  }

  private skip(pattern: RegExp): void {
    pattern.lastIndex = this.position;
    pattern.exec(this.text);
    this.position = pattern.lastIndex;
  }

  private error(): SyntaxError {
    return new SyntaxError(`not JSON at character ${this.position}`);
  }
}

/**
 * JSON text as Python's `json.dumps` writes it by default: `, ` and `: ` as separators, everything outside ASCII as
 * \u escapes (so it fits PNG's Latin-1 text chunks), bare NaN and Infinity.
 */
export function pythonJson(value: unknown): string {
  if (typeof value === 'string') return asciiString(value);
  if (typeof value === 'number') return pythonNumber(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map((item, index) => memberJson(value, String(index), item)).join(', ')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${asciiString(key)}: ${memberJson(value, key, member)}`).join(', ')}}`;
}

function memberJson(holder: object, key: string, value: unknown): string {
  return typeof value === 'number' ? numberIn(holder, key, value) : pythonJson(value);
}

/** A number as Python writes it, with what is remembered of it. */
function numberIn(holder: object, key: string, value: number): string {
  const literal = literals.get(holder)?.get(key);
  if (literal === 'float') return pythonFloat(value);
  return literal !== undefined && Number(literal) === value ? literal : pythonNumber(value);
}

/** Whole numbers as Python's int, all others as its float. */
function pythonNumber(value: number): string {
  if (!Number.isInteger(value)) return pythonFloat(value);
  return Number.isSafeInteger(value) ? String(value) : BigInt(value).toString();
}

/** `repr` of a Python float: always a point, `nan` spelled as JSON does, an exponent below 1e-4 and from 1e16 on. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [digits = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const magnitude = String(Math.abs(exponent)).padStart(2, '0');
    return `${digits}e${exponent < 0 ? '-' : '+'}${magnitude}`;
  }
  if (Number.isInteger(value)) return `${value}.0`;
  // JavaScript changes to exponents only below 1e-6, Python below 1e-4: in between both write digits.
  return String(value);
}

function asciiString(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Python's `repr` of a plain value, as it appears inside ComfyUI's error texts. */
export function pythonRepr(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') {
    const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
    const escaped = value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
    return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
  }
  if (typeof value === 'number') return pythonNumber(value);
  if (typeof value !== 'object') return JSON.stringify(value) ?? 'None';
  if (Array.isArray(value)) return `[${value.map((item, index) => reprIn(value, String(index), item)).join(', ')}]`;
  return `{${Object.entries(value)
    .map(([key, member]) => `${pythonRepr(key)}: ${reprIn(value, key, member)}`)
    .join(', ')}}`;
}

function reprIn(holder: object, key: string, value: unknown): string {
  return typeof value === 'number' ? numberIn(holder, key, value) : pythonRepr(value);
}

/** Python's `str`: like `repr`, but a string stands without quotes. */
export function pythonStr(value: unknown): string {
  return typeof value === 'string' ? value : pythonRepr(value);
}

/** `str` of the value at `key`, with what is remembered of it (`7.0` stays `7.0`). */
export function pythonStrOf(holder: object, key: string, value: unknown): string {
  return typeof value === 'number' ? numberIn(holder, key, value) : pythonStr(value);
}
