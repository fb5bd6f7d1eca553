import type { BlobStore } from '@anime/blob-store';
import {
  JobAcceptedV3,
  JobOrganisedV1,
  type ApiGraph,
  type EventData,
  type ExecutedOutput,
  type JobExecutedV2,
  type OrganisedFile,
} from '@anime/contracts';
import { SPANS } from '@anime/contracts/telemetry';
import {
  canonicalJson,
  causedBy,
  deriveId,
  inSpan,
  lastEventOnSubject,
  loadBody,
  sha256Hex,
  wasGivenUp,
  type EventLog,
  type EventOf,
  type RecordedEvent,
} from '@anime/event-store';
import { isProblem, ProblemError } from '@anime/problem-details';
import { inspectPicture } from '../adapters/pictures/picture-inspector.js';
import type { FileContent, LibraryFolder, PlacedFile } from '../adapters/library/library-folder.js';
import { outputPaths, type OutputPaths } from '../domain/library/layout.js';
import { sidecarOf } from '../domain/library/sidecar.js';

export type ExecutedEvent = EventOf<typeof JobExecutedV2> & RecordedEvent;
type Accepted = EventData<typeof JobAcceptedV3>;

export interface OrganiseDependencies {
  readonly log: EventLog;
  readonly blobs: BlobStore;
  readonly library: LibraryFolder;
  /** Told how long each file took, in seconds. */
  readonly onFiled?: (role: OrganisedFile['role'], seconds: number) => void;
  /** ISO instant. */
  readonly now: () => string;
}

/** Id of the fact that an executed event leads to: a repeat has the same. */
export function organisedId(executedEventId: string): string {
  return deriveId(executedEventId, 'organised');
}

/**
 * Currency: false when this very attempt was filed already, so that a late redelivery reads and writes nothing, and when
 * its executor was given up before it reported: another attempt makes the job's files.
 */
export async function isUnorganised(log: EventLog, event: ExecutedEvent): Promise<boolean> {
  try {
    if (await wasGivenUp(log, event)) return false;
    const last = await lastEventOnSubject(log, [JobOrganisedV1], event.aggregateId);
    return last?.id !== organisedId(event.id);
  } catch (error) {
    // A newer build's fact may be of another attempt; if it is of this one, the log knows the repeat by its id.
    if (isProblem(error, 'newer-contract')) return true;
    throw error;
  }
}

/**
 * Files every output of an executed attempt with thumbnail and sidecar, then appends `job.organised`. Each step finds
 * what an interrupted run has left and goes on from there.
 * @throws ProblemError `blob-not-found`, `blob-corrupt`, `storage-failed`, `log-unavailable`, `log-full`, `newer-contract`…
 */
export async function organiseAttempt(
  deps: OrganiseDependencies,
  event: ExecutedEvent,
  signal: AbortSignal,
): Promise<void> {
  const accepted = await readAccepted(deps.log, event.aggregateId);
  const graph = await readGraph(deps.blobs, accepted, event.data.variant);
  const files: OrganisedFile[] = [];
  for (const [ordinal, output] of event.data.outputs.entries()) {
    signal.throwIfAborted();
    const paths = outputPaths({ jobId: event.aggregateId, attempt: event.data.attempt, output, ordinal }, accepted);
    files.push(...(await fileOutput(deps, { event, accepted, graph, output, paths })));
  }
  await deps.log.append({
    contract: JobOrganisedV1,
    aggregateId: event.aggregateId,
    id: organisedId(event.id),
    time: deps.now(),
    actor: 'service:file-organizer',
    ...causedBy(event),
    data: { attempt: event.data.attempt, files },
  });
}

interface OutputToFile {
  readonly event: ExecutedEvent;
  readonly accepted: Accepted;
  readonly graph: ApiGraph | undefined;
  readonly output: ExecutedOutput;
  readonly paths: OutputPaths;
}

async function fileOutput(deps: OrganiseDependencies, source: OutputToFile): Promise<OrganisedFile[]> {
  const { library, blobs } = deps;
  const { event, accepted, graph, output, paths } = source;
  const { node, index } = output;
  const content = { sha256: output.blob, size: output.size, chunks: () => blobs.stream(output.blob) };
  const placed = await place(deps, 'output', paths.output, output.mediaType, content);
  const picture = await inspectPicture(library.absolute(placed.path), output.mediaType);
  const filed: OrganisedFile = {
    role: 'output',
    ...placed,
    mediaType: output.mediaType,
    ...(picture === undefined ? {} : { width: picture.width, height: picture.height, frames: picture.frames }),
    node,
    index,
  };
  const files = [filed];
  if (picture !== undefined) {
    const { bytes, width, height } = picture.thumbnail;
    const thumbnail = await place(deps, 'thumbnail', paths.thumbnail, 'image/webp', contentOf(bytes));
    files.push({ role: 'thumbnail', ...thumbnail, mediaType: 'image/webp', width, height, frames: 1, node, index });
  }
  const sidecar = sidecarOf({
    jobId: event.aggregateId,
    executedEventId: event.id,
    executedAt: event.time,
    executed: event.data,
    accepted,
    graph,
    output,
    filed,
  });
  const json = contentOf(new TextEncoder().encode(canonicalJson(sidecar)));
  const placedSidecar = await place(deps, 'sidecar', paths.sidecar, 'application/json', json);
  files.push({ role: 'sidecar', ...placedSidecar, mediaType: 'application/json', node, index });
  return files;
}

/** Places one file in the library, inside its span. */
async function place(
  { library, onFiled }: OrganiseDependencies,
  role: OrganisedFile['role'],
  wanted: string,
  mediaType: string,
  content: FileContent,
): Promise<PlacedFile> {
  const attributes = { 'file.path': wanted, 'file.size': content.size, 'anime.media_type': mediaType };
  const began = performance.now();
  const placed = await inSpan(SPANS.file, { name: { role }, attributes }, async (span) => {
    const file = await library.place(wanted, content);
    span.setAttribute('file.path', file.path);
    return file;
  });
  onFiled?.(role, (performance.now() - began) / 1_000);
  return placed;
}

function contentOf(bytes: Uint8Array) {
  return {
    sha256: sha256Hex(bytes),
    size: bytes.byteLength,
    chunks: async function* () {
      yield bytes;
    },
  };
}

async function readAccepted(log: EventLog, jobId: string): Promise<Accepted> {
  const accepted = await lastEventOnSubject(log, [JobAcceptedV3], jobId);
  if (accepted === undefined)
    throw new ProblemError('job-not-found', `The log does not say that job ${jobId} was accepted`);
  return accepted.data;
}

/** The graph that ran, for the sidecar only: where its blob is gone, the picture is filed all the same. */
async function readGraph(blobs: BlobStore, accepted: Accepted, variant: string): Promise<ApiGraph | undefined> {
  const body = accepted.variants.find(({ name }) => name === variant)?.graph;
  if (body === undefined) return undefined;
  try {
    return await loadBody(body, blobs);
  } catch (error) {
    if (isProblem(error, 'blob-not-found') || isProblem(error, 'blob-corrupt')) return undefined;
    throw error;
  }
}
