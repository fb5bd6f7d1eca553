import type { ApiGraph, OutputKind } from '@anime/contracts';

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

/**
 * The files to fetch. "Success" does not mean that what was asked for is there (contract of ComfyUI §1.3, 11): a
 * blocked branch ends without files, so each accepted node must have reported at least one. Previews (type `temp`) and
 * nodes that were not asked for do not count.
 */
export function wantedFiles(
  outputs: readonly AcceptedOutput[],
  filesOf: (node: string) => readonly ReportedFile[],
): { readonly files: readonly WantedFile[]; readonly missing: readonly string[] } {
  const perNode = outputs.map(({ node, kind, role }) =>
    filesOf(node)
      .filter((file) => file.type === 'output')
      .map((file, index) => ({ node, kind, role, index, file })),
  );
  const missing = outputs.filter((_, at) => perNode[at]?.length === 0).map(({ node }) => node);
  return { files: perNode.flat(), missing };
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
  const needed = new Set<string>();
  const visit = (node: string): void => {
    const entry = graph[node];
    if (entry === undefined || needed.has(node)) return;
    needed.add(node);
    for (const value of Object.values(entry.inputs)) {
      if (Array.isArray(value) && value.length === 2 && typeof value[0] === 'string') visit(value[0]);
    }
  };
  for (const { node } of outputs) visit(node);
  return needed.size > 0 && [...needed].every((node) => listed.has(node));
}
