import { z } from 'zod';
import { parseServerJson } from './server-json.js';

/** A binary frame of the websocket (contract §2). The bytes are a view of the frame, no copy. */
export type BinaryFrame =
  /**
   * A picture of whatever runs, without a name: a preview for a client that did not ask for metadata, or what a
   * SaveImageWebsocket node made. It cannot be attributed to a prompt (contract §1.2, 8).
   */
  | { readonly kind: 'image'; readonly mediaType: ImageType; readonly bytes: Uint8Array }
  /** The same with its prompt and node. */
  | ({ readonly kind: 'attributed-image' } & Preview)
  /** A node's text for its form; names no prompt. */
  | { readonly kind: 'text'; readonly nodeId: string; readonly text: string };

export type ImageType = 'image/jpeg' | 'image/png';

/** A picture of a prompt while it runs. */
export interface Preview {
  readonly promptId: string;
  readonly nodeId: string;
  /** The graph's own node, where `nodeId` is one that it expanded into. */
  readonly displayNodeId: string;
  readonly mediaType: ImageType;
  readonly bytes: Uint8Array;
}

const PREVIEW_IMAGE = 1;
const TEXT = 3;
const PREVIEW_IMAGE_WITH_METADATA = 4;

const Metadata = z.looseObject({
  prompt_id: z.string(),
  node_id: z.string(),
  display_node_id: z.string().nullish(),
  image_type: z.enum(['image/jpeg', 'image/png']),
});

/** Reads a binary frame: a big-endian u32 says which; undefined for other kinds and for frames that are cut short. */
export function parseBinaryFrame(frame: Uint8Array): BinaryFrame | undefined {
  if (frame.length < 8) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const second = view.getUint32(4);
  switch (view.getUint32(0)) {
    case PREVIEW_IMAGE: {
      const mediaType = second === 1 ? 'image/jpeg' : second === 2 ? 'image/png' : undefined;
      return mediaType === undefined ? undefined : { kind: 'image', mediaType, bytes: frame.subarray(8) };
    }
    case TEXT: {
      if (8 + second > frame.length) return undefined;
      return { kind: 'text', nodeId: utf8(frame.subarray(8, 8 + second)), text: utf8(frame.subarray(8 + second)) };
    }
    case PREVIEW_IMAGE_WITH_METADATA: {
      if (8 + second > frame.length) return undefined;
      const metadata = metadataIn(utf8(frame.subarray(8, 8 + second)));
      if (metadata === undefined) return undefined;
      return {
        kind: 'attributed-image',
        promptId: metadata.prompt_id,
        nodeId: metadata.node_id,
        displayNodeId: metadata.display_node_id ?? metadata.node_id,
        mediaType: metadata.image_type,
        bytes: frame.subarray(8 + second),
      };
    }
    default:
      return undefined;
  }
}

function metadataIn(text: string): z.infer<typeof Metadata> | undefined {
  try {
    return Metadata.safeParse(parseServerJson(text)).data;
  } catch {
    return undefined;
  }
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
