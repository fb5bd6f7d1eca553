import { type EventSink, previewFrame, previewFrameWithMetadata, textFrame } from './events.js';
import type { NodePlace } from './graph.js';
import type { PreviewImage } from './nodes/node-kind.js';

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
  /** Of each running node, as several may run at once. */
  private readonly lastSent = new Map<string, { readonly at: number; readonly value: number }>();

  constructor(
    private readonly sink: EventSink,
    private readonly promptId: string,
    /** Null: the prompt has no client and its progress is broadcast. */
    private readonly sid: string | null,
    private readonly placeOf: (nodeId: string) => NodePlace,
  ) {}

  start(nodeId: string): void {
    this.lastSent.delete(nodeId);
    this.nodes.set(nodeId, { value: 0, max: 1, state: 'running' });
    this.sendState();
  }

  finish(nodeId: string): void {
    const node = this.nodes.get(nodeId) ?? { value: 1, max: 1, state: 'running' };
    this.nodes.set(nodeId, { value: node.max, max: node.max, state: 'finished' });
    this.sendState();
  }

  /** A tick of a node's progress bar, sent or throttled away. */
  tick(nodeId: string, value: number, max: number, preview?: PreviewImage): void {
    this.nodes.set(nodeId, { value, max, state: 'running' });
    if (preview === undefined && this.isThrottled(nodeId, value, max)) return;
    this.lastSent.set(nodeId, { at: performance.now(), value });
    this.sendState();
    const hasMetadata = this.sink.supportsPreviewMetadata(this.sid);
    if (preview !== undefined && hasMetadata) {
      this.sink.sendBinary(previewFrameWithMetadata(preview, this.promptId, this.placeOf(nodeId)), this.sid);
    }
    this.sink.send('progress', { value, max, prompt_id: this.promptId, node: nodeId }, this.sid);
    if (preview !== undefined && !hasMetadata) this.sink.sendBinary(previewFrame(preview), this.sid);
  }

  /** Text on a node's face. */
  text(nodeId: string, text: string): void {
    this.sink.sendBinary(textFrame(nodeId, text), this.sid);
  }

  private isThrottled(nodeId: string, value: number, max: number): boolean {
    const last = this.lastSent.get(nodeId);
    if (last === undefined || value >= max) return false;
    return performance.now() - last.at < MIN_INTERVAL_MS || value - last.value < MIN_SHARE * max;
  }

  private sendState(): void {
    const nodes = Object.fromEntries(
      [...this.nodes].map(([id, progress]) => {
        const { displayId, parentId, realId } = this.placeOf(id);
        const place = { display_node_id: displayId, parent_node_id: parentId, real_node_id: realId };
        return [id, { ...progress, node_id: id, prompt_id: this.promptId, ...place }];
      }),
    );
    this.sink.send('progress_state', { prompt_id: this.promptId, nodes }, this.sid);
  }
}
