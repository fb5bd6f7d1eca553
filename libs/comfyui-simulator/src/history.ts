import type { StatusMessage } from './events.js';
import type { QueueItem } from './graph.js';

/** Per node what it reported as `ui`. */
export type Outputs = Record<string, Readonly<Record<string, readonly unknown[]>>>;

export interface HistoryStatus {
  readonly status_str: 'success' | 'error';
  readonly completed: boolean;
  readonly messages: readonly StatusMessage[];
}

export interface NodeMeta {
  readonly node_id: string;
  readonly display_node: string;
  readonly parent_node: string | null;
  readonly real_node_id: string;
}

export interface HistoryEntry {
  readonly prompt: QueueItem;
  readonly outputs: Outputs;
  readonly status: HistoryStatus;
  readonly meta: Readonly<Record<string, NodeMeta>>;
}

/** The real limit is checked before the insertion, so one more than this is kept. */
const MAX_ENTRIES = 10_000;

/** Finished prompts by id, oldest first, in memory only. A second run of an id replaces the first, in its place. */
export class History {
  private readonly entries = new Map<string, HistoryEntry>();

  add(entry: HistoryEntry): void {
    if (this.entries.size > MAX_ENTRIES) {
      const [oldest] = this.entries.keys();
      if (oldest !== undefined) this.entries.delete(oldest);
    }
    this.entries.set(entry.prompt[1], entry);
  }

  get(promptId: string): HistoryEntry | undefined {
    return this.entries.get(promptId);
  }

  all(): HistoryEntry[] {
    return [...this.entries.values()];
  }

  /**
   * As GET /history: `maxItems` alone means the last ones, with an offset the ones from there on.
   * @param offset counted from the oldest
   */
  page(maxItems?: number, offset?: number): Record<string, HistoryEntry> {
    const entries = [...this.entries];
    const from = offset ?? (maxItems === undefined ? 0 : Math.max(0, entries.length - maxItems));
    return Object.fromEntries(entries.slice(from, maxItems === undefined ? undefined : from + maxItems));
  }

  delete(promptId: unknown): void {
    if (typeof promptId === 'string') this.entries.delete(promptId);
  }

  clear(): void {
    this.entries.clear();
  }
}
