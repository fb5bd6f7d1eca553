import { pythonJson } from './python-json.js';

/** How messages reach the websocket clients. `sid` null: every registered socket; an unknown sid: nobody. */
export interface EventSink {
  send(event: string, data: unknown, sid: string | null): void;
  /** A JPEG preview: binary type 4 with its node for clients that asked for it, else type 1. */
  supportsPreviewMetadata(sid: string | null): boolean;
  sendBinary(frame: Buffer, sid: string | null): void;
}

/** The parts of `execution_*` messages that history keeps. */
export type StatusMessage = readonly [event: string, data: Readonly<Record<string, unknown>>];

const PREVIEW_IMAGE = 1;
const PREVIEW_IMAGE_WITH_METADATA = 4;
const JPEG = 1;

/** Binary frame 1: big-endian u32 event, u32 image type, image. */
export function previewFrame(jpeg: Buffer): Buffer {
  return Buffer.concat([u32(PREVIEW_IMAGE), u32(JPEG), jpeg]);
}

/** Binary frame 4: big-endian u32 event, u32 length of the JSON, JSON, image. */
export function previewFrameWithMetadata(jpeg: Buffer, promptId: string, nodeId: string): Buffer {
  const metadata = Buffer.from(
    pythonJson({
      node_id: nodeId,
      prompt_id: promptId,
      display_node_id: nodeId,
      parent_node_id: null,
      real_node_id: nodeId,
      image_type: 'image/jpeg',
    }),
  );
  return Buffer.concat([u32(PREVIEW_IMAGE_WITH_METADATA), u32(metadata.length), metadata, jpeg]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
