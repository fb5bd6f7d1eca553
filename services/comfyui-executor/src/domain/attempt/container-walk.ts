/** What a walk wants of a file next. */
type Want =
  | { readonly kind: 'peek' | 'take'; readonly bytes: number }
  | { readonly kind: 'skip'; readonly bytes: number }
  | { readonly kind: 'tail'; readonly bytes: number };

/** What it gets: bytes, fewer at the end of the file; of a skip how many there were. */
type Given = { readonly bytes: Buffer; readonly skipped: number };

/**
 * Goes through a file once, from its beginning. @returns what is wrong with it, as the end of a sentence that its name begins;
 * undefined when nothing is
 */
export type Walk = Generator<Want, string | undefined, Given>;
export type Step<T> = Generator<Want, T, Given>;

/** The next bytes, which stay where they are. */
export function* peek(bytes: number): Step<Buffer> {
  return (yield { kind: 'peek', bytes }).bytes;
}

/** The next bytes. */
export function* take(bytes: number): Step<Buffer> {
  return (yield { kind: 'take', bytes }).bytes;
}

/** @returns whether the file had so many bytes more */
export function* skip(bytes: number): Step<boolean> {
  return (yield { kind: 'skip', bytes }).skipped === bytes;
}

/** The last bytes of the file, of those that are left. */
export function* tail(bytes: number): Step<Buffer> {
  return (yield { kind: 'tail', bytes }).bytes;
}

const NONE = Buffer.alloc(0);

/** Leads a walk through a file whose chunks come one after the other; keeps no more of them than the walk looks at. */
export class FileWalk {
  readonly #walk: Walk;
  #step: IteratorResult<Want, string | undefined>;
  /** Bytes that have come and that the walk has not had. */
  #held: readonly Buffer[] = [];
  #size = 0;
  #skipped = 0;

  constructor(walk: Walk) {
    this.#walk = walk;
    this.#step = walk.next();
  }

  push(chunk: Uint8Array): void {
    if (this.#step.done === true) return;
    this.#hold([...this.#held, Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)]);
    while (this.#goOn(false));
  }

  /** The file has ended. @returns what the walk says of it */
  end(): string | undefined {
    while (this.#goOn(true));
    return this.#step.done === true ? this.#step.value : undefined;
  }

  /** Gives the walk what it wants, if that is there. @returns whether it went on */
  #goOn(isEnd: boolean): boolean {
    if (this.#step.done === true) {
      this.#hold([]);
      return false;
    }
    const { kind, bytes } = this.#step.value;
    if (kind === 'skip') {
      const now = Math.min(bytes - this.#skipped, this.#size);
      if (now > 0) this.#hold([this.#whole().subarray(now)]);
      this.#skipped += now;
      if (this.#skipped < bytes && !isEnd) return false;
      this.#step = this.#walk.next({ bytes: NONE, skipped: this.#skipped });
      this.#skipped = 0;
      return true;
    }
    if (kind === 'tail' && !isEnd) {
      let [first] = this.#held;
      for (; first !== undefined && this.#size - first.length >= bytes; [first] = this.#held)
        this.#hold(this.#held.slice(1));
      return false;
    }
    if (this.#size < bytes && !isEnd) return false;
    const held = this.#whole();
    const given = kind === 'tail' ? held.subarray(-bytes) : held.subarray(0, bytes);
    if (kind !== 'peek') this.#hold(kind === 'tail' ? [] : [held.subarray(given.length)]);
    this.#step = this.#walk.next({ bytes: given, skipped: 0 });
    return true;
  }

  #hold(parts: readonly Buffer[]): void {
    this.#held = parts.filter(({ length }) => length > 0);
    this.#size = this.#held.reduce((sum, { length }) => sum + length, 0);
  }

  #whole(): Buffer {
    const [first = NONE, ...more] = this.#held;
    return more.length === 0 ? first : Buffer.concat([first, ...more]);
  }
}
