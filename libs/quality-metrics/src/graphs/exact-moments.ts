/** Adds up integer sums without loss: a band's sum fits a float64 exactly, a picture's products of sums may not. */
export class ExactMoments<Name extends string> {
  readonly #totals: Map<Name, bigint>;

  constructor(names: readonly Name[]) {
    this.#totals = new Map(names.map((name) => [name, 0n]));
  }

  /** @throws {RangeError} when the value is no integer, which would mean that the graph lost precision. */
  add(name: Name, value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${name} is not an exact integer: ${value}`);
    this.#totals.set(name, (this.#totals.get(name) ?? 0n) + BigInt(value));
  }

  totals(): Readonly<Record<Name, bigint>> {
    return Object.fromEntries(this.#totals) as Record<Name, bigint>;
  }
}
