import type { EventData, ExecutedOutput, JobAcceptedV3 } from '@anime/contracts';
import { extensionOf, mediaFolderOf } from './media-kinds.js';

/** What the place of a job's files depends on. */
export type LayoutTokens = Pick<EventData<typeof JobAcceptedV3>, 'project' | 'layout'>;

/** One output and the attempt that made it. */
export interface FiledOutput {
  readonly jobId: string;
  readonly attempt: number;
  readonly output: ExecutedOutput;
  /** Place of the output in its `executed` event, from 0. */
  readonly ordinal: number;
}

/** Paths of one output's files, relative to the library's root, `/` between segments. */
export interface OutputPaths {
  readonly output: string;
  readonly thumbnail: string;
  readonly sidecar: string;
}

/** Longest node token: the whole name stays below 255 bytes, the least that common file systems take. */
const NODE_TOKEN_LENGTH = 48;

/**
 * Where an output is filed: a pure function of the events, so that a repeat finds its own files. Jobs without project
 * lie in `unorganized/<images|videos|audio>/YYYYMMDD/`, others in `<project>/jobs/YYYY/MM/DD/`, below its slug, or its id where
 * the event knows no slug; the date is the UTC day of the request. Names hold job, attempt, node and index, so that no two outputs share one.
 */
export function outputPaths(filed: FiledOutput, tokens: LayoutTokens): OutputPaths {
  const { jobId, attempt, output, ordinal } = filed;
  const name = `${jobId}_${attempt}_${nodeToken(output.node, ordinal)}_${output.index}`;
  const base = `${folderOf(output, tokens)}/${name}`;
  return {
    output: `${base}.${extensionOf(output.mediaType)}`,
    thumbnail: `${base}.thumb.webp`,
    sidecar: `${base}.json`,
  };
}

function folderOf(output: ExecutedOutput, { project, layout }: LayoutTokens): string {
  const [year, month, day] = [
    layout.requestedAt.slice(0, 4),
    layout.requestedAt.slice(5, 7),
    layout.requestedAt.slice(8, 10),
  ];
  if (project !== null) return `${project.slug ?? project.id}/jobs/${year}/${month}/${day}`;
  return `unorganized/${mediaFolderOf(output)}/${year}${month}${day}`;
}

/**
 * A node id as part of a file name on any file system: lower-case letters, digits and `-` stay, every other byte of its
 * UTF-8 becomes `~` and two hex digits. Upper case is escaped too, because some file systems take `A` and `a` for one. What
 * would be too long becomes `~n` and the output's ordinal, which is unique within its attempt.
 */
function nodeToken(node: string, ordinal: number): string {
  let token = '';
  for (const byte of new TextEncoder().encode(node)) {
    const character = String.fromCharCode(byte);
    token += /[a-z0-9-]/.test(character) ? character : `~${byte.toString(16).padStart(2, '0')}`;
    if (token.length > NODE_TOKEN_LENGTH) return `~n${ordinal}`;
  }
  return token;
}

/**
 * The name to take when the first one holds other content: never overwrite what somebody may have touched up by hand.
 * @param sha256 of the content that is to be filed
 */
export function besideOccupied(path: string, sha256: string): string {
  const dot = path.indexOf('.', path.lastIndexOf('/'));
  return `${path.slice(0, dot)}_${sha256.slice(0, 16)}${path.slice(dot)}`;
}
