import { type EventSink, previewFrame, previewFrameWithMetadata } from './events.js';

interface NodeProgress {
  value: number;
  max: number;
  state: 'running' | 'finished';
}

/** At most one tick in this time, and only after half a percent, except for the first, the last and previews. */
const MIN_INTERVAL_MS = 100;
const MIN_SHARE = 0.005;

/** The progress of one execution: cumulative `progress_state`, `progress` of the running node, previews. */
export class ProgressReporter {
  private readonly nodes = new Map<string, NodeProgress>();
  private lastSent: { readonly at: number; readonly value: number } | undefined;

  constructor(
    private readonly sink: EventSink,
    private readonly promptId: string,
    /** Null: the prompt has no client and its progress is broadcast. */
    private readonly sid: string | null,
  ) {}

  start(nodeId: string): void {
    this.lastSent = undefined;
    this.nodes.set(nodeId, { value: 0, max: 1, state: 'running' });
    this.sendState();
  }

  finish(nodeId: string): void {
    const node = this.nodes.get(nodeId) ?? { value: 1, max: 1, state: 'running' };
    this.nodes.set(nodeId, { value: node.max, max: node.max, state: 'finished' });
    this.sendState();
  }

  /** A tick of a node's progress bar, sent or throttled away. */
  tick(nodeId: string, value: number, max: number, previewJpeg?: Buffer): void {
    this.nodes.set(nodeId, { value, max, state: 'running' });
    if (previewJpeg === undefined && this.isThrottled(value, max)) return;
    this.lastSent = { at: performance.now(), value };
    this.sendState();
    const hasMetadata = this.sink.supportsPreviewMetadata(this.sid);
    if (previewJpeg !== undefined && hasMetadata) {
      this.sink.sendBinary(previewFrameWithMetadata(previewJpeg, this.promptId, nodeId), this.sid);
    }
    this.sink.send('progress', { value, max, prompt_id: this.promptId, node: nodeId }, this.sid);
    if (previewJpeg !== undefined && !hasMetadata) this.sink.sendBinary(previewFrame(previewJpeg), this.sid);
  }

  private isThrottled(value: number, max: number): boolean {
    if (this.lastSent === undefined || value >= max) return false;
    const isSoon = performance.now() - this.lastSent.at < MIN_INTERVAL_MS;
    return isSoon || value - this.lastSent.value < MIN_SHARE * max;
  }

  private sendState(): void {
    const nodes = Object.fromEntries(
      [...this.nodes].map(([id, { value, max, state }]) => [
        id,
        {
          value,
          max,
          state,
          node_id: id,
          prompt_id: this.promptId,
          display_node_id: id,
          parent_node_id: null,
          real_node_id: id,
        },
      ]),
    );
    this.sink.send('progress_state', { prompt_id: this.promptId, nodes }, this.sid);
  }
}
