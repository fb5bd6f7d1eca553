import type { ApiGraph, OutputKind } from '@anime/contracts';
import { clip, failure, type Failure } from './failure.js';
import { neededBy } from './needs.js';

/** An output that the job was accepted with. */
export interface AcceptedOutput {
  readonly node: string;
  readonly kind: OutputKind;
  readonly role: string;
}

/** A file on the server. */
export interface ReportedFile {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

/** A file to fetch, and what it is. */
export interface WantedFile extends AcceptedOutput {
  /** Place among the files of its node, from 0. */
  readonly index: number;
  readonly file: ReportedFile;
}

/** A text that a node told. */
export interface WantedText extends AcceptedOutput {
  /** Place among the texts of its node, from 0. */
  readonly index: number;
  readonly text: string;
}

export interface WantedOutputs {
  readonly files: readonly WantedFile[];
  readonly texts: readonly WantedText[];
  /** Nodes that made nothing. */
  readonly missing: readonly string[];
}

/**
 * What to fetch. "Success" does not mean that what was asked for is there (contract of ComfyUI §1.3, 11): a blocked branch ends
 * without files, so each accepted node must have reported at least one. Previews (type `temp`) and nodes that were not
 * asked for do not count. A node of kind `text` tells its texts, or has saved them as files.
 */
export function wantedOutputs(
  outputs: readonly AcceptedOutput[],
  filesOf: (node: string) => readonly ReportedFile[],
  textsOf: (node: string) => readonly string[],
): WantedOutputs {
  const perNode = outputs.map((output) => {
    const { node, kind, role } = output;
    const texts = kind === 'text' ? textsOf(node).filter((text) => text !== '') : [];
    const files = texts.length > 0 ? [] : filesOf(node).filter((file) => file.type === 'output');
    return {
      node,
      files: files.map((file, index) => ({ node, kind, role, index, file })),
      texts: texts.map((text, index) => ({ node, kind, role, index, text })),
    };
  });
  return {
    files: perNode.flatMap(({ files }) => files),
    texts: perNode.flatMap(({ texts }) => texts),
    missing: perNode.filter(({ files, texts }) => files.length + texts.length === 0).map(({ node }) => node),
  };
}

/** So many files and texts an attempt may make at most: each takes some hundred bytes of `job.executed`. */
export const MOST_OUTPUTS = 500;
/** As `ExecutedOutput` has it. */
const LONGEST_NAME = 1024;

/** Why these outputs cannot be recorded; undefined when they can. The same graph would make the same again. */
export function unfitOutputs({ files, texts }: WantedOutputs): Failure | undefined {
  const long = files.find(({ file }) => file.filename.length > LONGEST_NAME);
  if (long !== undefined) {
    const { node, file } = long;
    const message = `The name of a file of node ${node} has ${file.filename.length} characters, ${LONGEST_NAME} are possible: ${clip(file.filename, 200)}`;
    return failure('invalid', 'output-name-too-long', message, { nodeId: node });
  }
  const count = files.length + texts.length;
  return count > MOST_OUTPUTS ? tooManyOutputs(count) : undefined;
}

/** More than the log takes in one event. */
export function tooManyOutputs(count: number): Failure {
  const most = count > MOST_OUTPUTS ? `a job may make ${MOST_OUTPUTS} at most` : 'with names so long this is too much';
  return failure('invalid', 'too-many-outputs', `The prompt made ${count} outputs, ${most}: make fewer in one job`);
}

/**
 * Whether ComfyUI ran nothing: every node that the outputs need was answered from the cache. Nodes that no output needs
 * are never run and never listed.
 */
export function isFullyCached(
  graph: ApiGraph,
  outputs: readonly { readonly node: string }[],
  cached: readonly string[],
): boolean {
  const listed = new Set(cached);
  const accepted = new Set(outputs.map(({ node }) => node));
  const needed = neededBy(graph, (_, node) => accepted.has(node));
  return needed.size > 0 && [...needed].every((node) => listed.has(node));
}
