/**
 * The names most like `wanted`, best first: by the share of letter pairs in common (Dice's coefficient over bigrams,
 * without case), ties by name. Names with nothing in common are left out.
 */
export function nearest(wanted: string, names: readonly string[], count: number): string[] {
  const target = bigrams(wanted);
  return names
    .map((name) => ({ name, likeness: likeness(target, bigrams(name)) }))
    .filter((candidate) => candidate.likeness > 0)
    .toSorted((a, b) => b.likeness - a.likeness || (a.name < b.name ? -1 : 1))
    .slice(0, count)
    .map((candidate) => candidate.name);
}

function bigrams(text: string): ReadonlySet<string> {
  const folded = text.toLowerCase();
  return new Set(Array.from({ length: Math.max(folded.length - 1, 0) }, (_, at) => folded.slice(at, at + 2)));
}

function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const common = [...a].filter((pair) => b.has(pair)).length;
  return (2 * common) / Math.max(a.size + b.size, 1);
}
