import { isLink } from './graph.js';

/** What the order has to know of the nodes. */
export interface NodeTraits {
  inputs(id: string): Readonly<Record<string, unknown>>;
  /** Its result is there: nobody waits for it. */
  isCached(id: string): boolean;
  isOutput(id: string): boolean;
  isAsync(id: string): boolean;
  /** The input is waited for only when the node asks for it. */
  isLazy(id: string, input: string): boolean;
}

/** Nobody is ready and nothing is under way: these nodes wait for each other. */
export interface Cycle {
  readonly cycle: readonly string[];
}

/**
 * Picks the next node of one execution the way ComfyUI's topological sort does: what outputs need is found from them
 * backwards; who waits for whom is counted, so that nodes may ask for more inputs, put others in their place, or wait
 * for something outside while the rest goes on.
 */
export class ExecutionOrder {
  /** Nodes still to run, in the order they were found, with how many things each waits for. */
  private readonly waitingFor = new Map<string, number>();
  /** Who waits for a node. */
  private readonly blocking = new Map<string, Set<string>>();
  private outside = 0;
  private wake: (() => void) | undefined;

  constructor(
    private readonly traits: NodeTraits,
    outputs: readonly string[],
  ) {
    for (const id of outputs) this.add(id);
  }

  get isEmpty(): boolean {
    return this.waitingFor.size === 0;
  }

  /** Whether the node that has its turn is the last one, unless it asks for others. */
  get isAtLast(): boolean {
    return this.waitingFor.size === 1;
  }

  /** Adds a node and, unless they are cached, all that it needs. */
  add(nodeId: string): void {
    const found = [nodeId];
    const links: (readonly [source: string, waiting: string])[] = [];
    for (let id = found.pop(); id !== undefined; id = found.pop()) {
      if (this.waitingFor.has(id)) continue;
      this.waitingFor.set(id, 0);
      this.blocking.set(id, new Set());
      // A cached output tells its old result again and needs nothing.
      if (this.traits.isCached(id)) continue;
      for (const [input, value] of Object.entries(this.traits.inputs(id))) {
        if (!isLink(value) || this.traits.isLazy(id, input)) continue;
        if (!this.traits.isCached(value[0])) found.push(value[0]);
        links.push([value[0], id]);
      }
    }
    for (const [source, waiting] of links) this.waitFor(waiting, source);
  }

  /** From now on a node runs only after this other one. */
  waitFor(nodeId: string, source: string): void {
    if (this.traits.isCached(source)) return;
    this.add(source);
    const blocked = this.blocking.get(source);
    if (blocked === undefined || blocked.has(nodeId)) return;
    blocked.add(nodeId);
    this.change(nodeId, 1);
  }

  /** A node waits for something that is no node. @returns to be called when it has happened */
  waitOutside(nodeId: string): () => void {
    this.outside += 1;
    this.change(nodeId, 1);
    return () => {
      this.outside -= 1;
      this.change(nodeId, -1);
      this.wake?.();
    };
  }

  /** The next node to run; waits while all are held up from outside. */
  async next(): Promise<string | Cycle> {
    let ready = this.ready();
    while (ready.length === 0 && this.outside > 0) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      ready = this.ready();
    }
    return this.pick(ready) ?? { cycle: this.cycled() };
  }

  done(nodeId: string): void {
    const blocked = this.blocking.get(nodeId) ?? [];
    this.waitingFor.delete(nodeId);
    this.blocking.delete(nodeId);
    for (const id of blocked) this.change(id, -1);
  }

  private ready(): string[] {
    return [...this.waitingFor].filter(([, count]) => count === 0).map(([id]) => id);
  }

  /** A picture is saved as soon as it exists: outputs first, then what stands one or two steps before one. */
  private pick(ready: readonly string[]): string | undefined {
    const { traits } = this;
    const leadsToOutput = (id: string, steps: number): boolean =>
      [...(this.blocking.get(id) ?? [])].some(
        (next) => (steps === 1 && traits.isOutput(next)) || (steps > 1 && leadsToOutput(next, steps - 1)),
      );
    return (
      ready.find((id) => traits.isOutput(id) || traits.isAsync(id)) ??
      ready.find((id) => leadsToOutput(id, 1)) ??
      ready.find((id) => leadsToOutput(id, 2)) ??
      ready[0]
    );
  }

  /** Nodes that wait for each other: what is left after taking away, again and again, those that block nobody. */
  private cycled(): string[] {
    const left = new Map([...this.blocking].map(([id, blocked]) => [id, new Set(blocked)]));
    for (let ends = [...left.keys()].filter((id) => left.get(id)?.size === 0); ends.length > 0;) {
      for (const id of ends) left.delete(id);
      for (const blocked of left.values()) for (const id of ends) blocked.delete(id);
      ends = [...left.keys()].filter((id) => left.get(id)?.size === 0);
    }
    return [...left.keys()];
  }

  private change(nodeId: string, by: number): void {
    const count = this.waitingFor.get(nodeId);
    if (count !== undefined) this.waitingFor.set(nodeId, count + by);
  }
}
