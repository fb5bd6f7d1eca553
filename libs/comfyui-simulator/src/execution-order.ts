import { type Graph, isLink } from './graph.js';

/**
 * Picks the next node of one execution. Nodes are discovered from the outputs backwards, a cached node hides its
 * ancestors, and among the ready ones an output node goes first: a picture is saved as soon as it exists.
 */
export class ExecutionOrder {
  private readonly waiting: string[] = [];
  private readonly done = new Set<string>();

  constructor(
    private readonly graph: Graph,
    outputs: readonly string[],
    private readonly isCached: (nodeId: string) => boolean,
    private readonly isOutputNode: (nodeId: string) => boolean,
  ) {
    const stack = [...outputs].reverse();
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (this.waiting.includes(id)) continue;
      // A cached node that is no output yields nothing, so it never becomes a step.
      if (isCached(id) && !outputs.includes(id)) continue;
      this.waiting.push(id);
      if (!isCached(id)) stack.push(...this.sources(id));
    }
  }

  /** Whether `next` has nothing left to give. */
  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** The next node to run, undefined when all have run. */
  next(): string | undefined {
    const ready = this.waiting.filter((id) => this.isReady(id));
    const chosen = ready.find((id) => this.isOutputNode(id)) ?? ready[0];
    if (chosen === undefined) return undefined;
    this.waiting.splice(this.waiting.indexOf(chosen), 1);
    this.done.add(chosen);
    return chosen;
  }

  private isReady(id: string): boolean {
    if (this.isCached(id)) return true;
    return this.sources(id).every((source) => this.done.has(source) || !this.waiting.includes(source));
  }

  private sources(id: string): string[] {
    return Object.values(this.graph[id]?.inputs ?? {})
      .filter(isLink)
      .map(([source]) => source);
  }
}
