import type { NodePlace } from './graph.js';
import type { PreviewImage } from './nodes/node-kind.js';
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
const TEXT = 3;
const PREVIEW_IMAGE_WITH_METADATA = 4;
const IMAGE_TYPES = { jpeg: 1, png: 2 } as const;

/** Binary frame 1: big-endian u32 event, u32 image type, image. */
export function previewFrame({ format, bytes }: PreviewImage): Buffer {
  return Buffer.concat([u32(PREVIEW_IMAGE), u32(IMAGE_TYPES[format]), bytes]);
}

/** Binary frame 3: big-endian u32 event, u32 length of the node id, node id, text. */
export function textFrame(nodeId: string, text: string): Buffer {
  const id = Buffer.from(nodeId);
  return Buffer.concat([u32(TEXT), u32(id.length), id, Buffer.from(text)]);
}

/** Binary frame 4: big-endian u32 event, u32 length of the JSON, JSON, image. */
export function previewFrameWithMetadata({ format, bytes }: PreviewImage, promptId: string, place: NodePlace): Buffer {
  const metadata = Buffer.from(
    pythonJson({
      node_id: place.nodeId,
      prompt_id: promptId,
      display_node_id: place.displayId,
      parent_node_id: place.parentId,
      real_node_id: place.realId,
      image_type: `image/${format}`,
    }),
  );
  return Buffer.concat([u32(PREVIEW_IMAGE_WITH_METADATA), u32(metadata.length), metadata, bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
