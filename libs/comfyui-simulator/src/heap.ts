import type { QueueItem } from './graph.js';

/** What Python raises when two queue tuples tie on (number, prompt_id) and it goes on to compare the graphs. */
export class HeapTieError extends TypeError {
  override readonly name = 'HeapTieError';
  constructor() {
    super("'<' not supported between instances of 'dict' and 'dict'");
  }
}

/**
 * Binary heap of queue items ordered by (number, prompt_id), with the two habits of Python's heapq that a client can
 * observe: `items` is heap order and not run order, and a tie throws, in `push` only after the item was stored.
 */
export class PromptHeap {
  private items: QueueItem[] = [];

  get size(): number {
    return this.items.length;
  }

  /** The items in heap order, as GET /queue shows them. */
  snapshot(): QueueItem[] {
    return [...this.items];
  }

  /** @throws HeapTieError when the item ties with one it is compared with; the item is in the heap all the same. */
  push(item: QueueItem): void {
    this.items.push(item);
    this.raise(0, this.items.length - 1);
  }

  /** Takes the smallest item. @throws HeapTieError */
  pop(): QueueItem | undefined {
    const last = this.items.pop();
    const first = this.items[0];
    if (last === undefined || first === undefined) return last;
    this.items[0] = last;
    this.sinkFromRoot();
    return first;
  }

  /** Removes the first item, in heap order, that satisfies the predicate. */
  removeFirst(predicate: (item: QueueItem) => boolean): QueueItem | undefined {
    const index = this.items.findIndex(predicate);
    if (index < 0) return undefined;
    const [removed] = this.items.splice(index, 1);
    const rest = this.items;
    this.items = [];
    for (const item of rest) this.push(item);
    return removed;
  }

  clear(): void {
    this.items = [];
  }

  /** Moves the item at `index` towards the root until its parent is smaller. */
  private raise(root: number, index: number): void {
    let position = index;
    while (position > root) {
      const parent = (position - 1) >> 1;
      if (!isLess(this.at(position), this.at(parent))) return;
      this.swap(position, parent);
      position = parent;
    }
  }

  /** heapq's pop: the smaller child goes up all the way, then the displaced item is raised from the leaf. */
  private sinkFromRoot(): void {
    let position = 0;
    for (;;) {
      const left = 2 * position + 1;
      if (left >= this.items.length) break;
      const right = left + 1;
      const takeRight = right < this.items.length && !isLess(this.at(left), this.at(right));
      const child = takeRight ? right : left;
      this.swap(position, child);
      position = child;
    }
    this.raise(0, position);
  }

  private at(index: number): QueueItem {
    const item = this.items[index];
    if (item === undefined) throw new RangeError(`no heap item at ${index}`);
    return item;
  }

  private swap(a: number, b: number): void {
    const first = this.at(a);
    this.items[a] = this.at(b);
    this.items[b] = first;
  }
}

function isLess(a: QueueItem, b: QueueItem): boolean {
  if (a[0] !== b[0]) return a[0] < b[0];
  if (a[1] !== b[1]) return a[1] < b[1];
  throw new HeapTieError();
}
