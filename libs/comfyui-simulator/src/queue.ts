import type { QueueItem } from './graph.js';
import { PromptHeap } from './heap.js';

/** Running and pending prompts. `onChange` runs wherever ComfyUI broadcasts `status`: put, get, done, delete, clear. */
export class PromptQueue {
  private readonly heap = new PromptHeap();
  private readonly running = new Set<QueueItem>();
  private wake: (() => void) | undefined;

  constructor(private readonly onChange: () => void) {}

  /** Running plus pending: the `queue_remaining` of status events and GET /prompt. */
  get remaining(): number {
    return this.running.size + this.heap.size;
  }

  get pendingCount(): number {
    return this.heap.size;
  }

  runningItems(): QueueItem[] {
    return [...this.running];
  }

  /** In heap order, which is not the order in which they will run. */
  pendingItems(): QueueItem[] {
    return this.heap.snapshot();
  }

  /** @throws HeapTieError after the item was queued, as ComfyUI does for equal (number, prompt_id). */
  put(item: QueueItem): void {
    this.heap.push(item);
    this.onChange();
    this.notify();
  }

  /** Takes the next item and marks it running; undefined when nothing is pending. @throws HeapTieError */
  take(): QueueItem | undefined {
    const item = this.heap.pop();
    if (item === undefined) return undefined;
    this.running.add(item);
    this.onChange();
    return item;
  }

  done(item: QueueItem): void {
    this.running.delete(item);
    this.onChange();
  }

  /** Drops the first pending item with this id. Running items are out of reach. */
  deletePending(promptId: unknown): boolean {
    if (this.heap.removeFirst((item) => item[1] === promptId) === undefined) return false;
    this.onChange();
    return true;
  }

  /** Tells the size once more. */
  announce(): void {
    this.onChange();
  }

  clearPending(): void {
    this.heap.clear();
    this.onChange();
  }

  isRunning(promptId: string): boolean {
    return [...this.running].some((item) => item[1] === promptId);
  }

  /** Resolves at the next `put` or `notify`. One waiter only: the worker. */
  waitForWork(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  notify(): void {
    const wake = this.wake;
    this.wake = undefined;
    wake?.();
  }
}
