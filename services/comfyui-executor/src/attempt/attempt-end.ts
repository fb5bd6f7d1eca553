import type { BlobStore } from '@anime/blob-store';
import {
  cachedNodes,
  executionMs,
  filesOf,
  memoryFiguresOf,
  textsOf,
  verdictOf,
  type ComfyClient,
  type EndedPrompt,
} from '@anime/comfyui-client';
import type { ApiGraph, EventData, JobExecutedV2, MemoryEvidence } from '@anime/contracts';
import { isProblem } from '@anime/problem-details';
import {
  asLostInput,
  failure,
  failureOfException,
  responseEvidence,
  withMemory,
  type Failure,
  type NodeException,
} from '../domain/attempt/failure.js';
import { neededBytes } from '../domain/attempt/memory.js';
import { describeVanished } from '../domain/attempt/vanishing.js';
import { isFullyCached, unfitOutputs, wantedOutputs, type WantedOutputs } from '../domain/attempt/wanted-outputs.js';
import type { ModelHashes, NotedModels } from '../environment/model-hashes.js';
import type { Accepted, Assigned } from './attempt-journal.js';
import { collectOutputs } from './collect-outputs.js';
import type { Followed } from './prompt-follower.js';
import type { ServerEntry } from './server-entry.js';
import type { Slots } from './slots.js';

/** How a run ended: a fact to record, or nothing, because somebody else answers for the attempt. */
export type End =
  | { readonly kind: 'executed'; readonly data: EventData<typeof JobExecutedV2> }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** Handed back before it was begun; that stands in the log. */
  | { readonly kind: 'declined' }
  /** No longer ours to answer: cancelled, ended or superseded. */
  | { readonly kind: 'dropped' }
  /** The service drains; the prompt goes on, or its outputs are there, and it is adopted at the next start. */
  | { readonly kind: 'left' };

/** An attempt whose prompt is no longer followed. */
export interface RanAttempt {
  readonly assigned: Assigned;
  readonly accepted: Accepted;
  readonly graph: ApiGraph;
  readonly graphHash: string;
  /** Start of the server at which the prompt was sent or found. */
  readonly boot: number;
  /** The files of its models when it was queued; undefined when an earlier life of the process did that. */
  readonly models: NotedModels | undefined;
  /** In bytes; null when the server does not tell. It is being looked at. */
  readonly vramPeak: Promise<number | null>;
}

export interface EndPlaces {
  readonly client: ComfyClient;
  readonly blobs: BlobStore;
  /** Taken while outputs are fetched. */
  readonly downloads: Slots;
  readonly server: ServerEntry;
  /** Without it, no content of a model is known. */
  readonly modelHashes: Pick<ModelHashes, 'ofRun'> | undefined;
  /** Whether somebody has ordered the attempt to stop, here or at another process. */
  readonly isTakenBack: () => Promise<boolean>;
  /** Outputs are being fetched. */
  readonly onDownload: () => void;
}

/**
 * What becomes of an attempt, by how its prompt ended. Outputs are fetched until `signal` aborts; then it is left.
 * @throws what log and blob store throw
 */
export async function endOf(
  followed: Followed | undefined,
  ran: RanAttempt,
  places: EndPlaces,
  signal: AbortSignal,
): Promise<End> {
  if (followed === undefined) return { kind: 'left' };
  switch (followed.kind) {
    case 'stopped':
      return { kind: 'dropped' };
    case 'vanished': {
      const since = await places.server.memory.afterVanished(ran.assigned.data.promptId, ran.boot);
      return failed(failure('transient', 'vanished', describeVanished(followed.wasSeen, since)));
    }
    case 'timed-out': {
      const limit = `It ran longer than the ${ran.accepted.maxRunSeconds ?? 0} s that an attempt may take`;
      const stopped = followed.hasStopped ? 'and was stopped' : 'and is stopped as soon as its server can be told';
      return failed(failure('timeout', 'timeout', `${limit}, ${stopped}`));
    }
    case 'silent': {
      const silent = `Nothing was heard of the prompt for ${Math.round(followed.silentMs / 1_000)} s, so it was stopped`;
      return failed(failure('transient', 'no-progress', silent));
    }
    case 'unreadable': {
      const { answerStatus: httpStatus, answerBody, message } = followed.error;
      const unreadable = `What the server answers about the prompt cannot be read, so it was stopped: ${message}`;
      const evidence = { httpStatus, response: responseEvidence(answerBody) };
      return failed(failure('internal', 'answers-unreadable', unreadable, evidence));
    }
    case 'worker-stopped':
      return failed(failure('transient', 'worker-stopped', followed.message));
    case 'ended':
      return endOfPrompt(followed.ended, ran, places, signal);
  }
}

async function endOfPrompt(ended: EndedPrompt, ran: RanAttempt, places: EndPlaces, signal: AbortSignal): Promise<End> {
  const verdict = verdictOf(ended);
  switch (verdict.kind) {
    case 'success':
      return collect(ended, ran, places, signal);
    case 'error':
      return failed(await failureOfError(verdict.error, ran, places));
    case 'interrupted':
      // The answer to a cancel is the cancel's own; the order may have gone to another process than this one.
      if (await places.isTakenBack()) return { kind: 'dropped' };
      return failed(
        failure('transient', 'interrupted', 'The prompt was interrupted on the server, but nobody ordered it here'),
      );
    case 'unknown':
      return failed(failure('internal', 'no-verdict', 'The server says that the prompt ended, but not how'));
  }
}

/** With the memory as the message tells it, else as the server does now: by then what the prompt held may be free again. */
async function failureOfError(
  error: NodeException,
  { assigned, accepted }: RanAttempt,
  places: EndPlaces,
): Promise<Failure> {
  const inputs = accepted.inputs.map(({ name }) => name);
  const raised = asLostInput(failureOfException(error), error, inputs);
  if (raised.reason === 'input-missing') places.server.refused();
  if (raised.class !== 'oom' && raised.class !== 'gpu-fault') return raised;
  const told = memoryFiguresOf(error.exceptionMessage);
  const now = await places.server.room.look().catch((problem: unknown) => {
    if (isProblem(problem, 'comfyui-unavailable')) return undefined;
    throw problem;
  });
  const needed = neededBytes(assigned.data.vramGb);
  const figures = {
    totalBytes: told?.total ?? now?.total,
    freeBytes: told?.free ?? now?.free,
    allocatedBytes: told?.allocated,
    requestedBytes: told?.requested,
    neededBytes: needed === 0 ? undefined : needed,
  };
  const memory: MemoryEvidence = Object.fromEntries(Object.entries(figures).filter(([, value]) => value != null));
  return withMemory(raised, memory);
}

async function collect(ended: EndedPrompt, ran: RanAttempt, places: EndPlaces, signal: AbortSignal): Promise<End> {
  const { attempt, executorId, promptId, variant } = ran.assigned.data;
  const { outputs: accepted } = ran.accepted;
  places.onDownload();
  const wanted = wantedOutputs(
    accepted,
    (node) => filesOf(ended, node),
    (node) => textsOf(ended, node),
  );
  const [nodeId] = wanted.missing;
  if (nodeId !== undefined) {
    const nodes = wanted.missing.map((node) => `node ${node}`).join(', ');
    const message = `The prompt succeeded, but made nothing for ${nodes}`;
    return failed(failure('transient', 'output-missing', message, { nodeId }));
  }
  const unfit = unfitOutputs(wanted);
  if (unfit !== undefined) return failed(unfit);
  const names = places.server.modelsOf(ran.graph);
  const cached = cachedNodes(ended).filter((node) => node in ran.graph);
  const [outputs, hashes, vramPeakBytes] = await Promise.all([
    fetchOutputs(wanted, places, signal),
    ran.models && places.modelHashes?.ofRun(ran.models, places.server.modelsLoaded(ran.graph, cached)),
    ran.vramPeak,
  ]);
  if (outputs === undefined) return { kind: 'left' };
  if ('class' in outputs) return failed(outputs);
  return {
    kind: 'executed',
    data: {
      attempt,
      executorId,
      promptId,
      variant,
      graphHash: ran.graphHash,
      cached: isFullyCached(ran.graph, accepted, cached),
      outputs: [...outputs],
      executionMs: executionMs(ended),
      cachedNodes: cached,
      models: names.map((name) => ({ name, sha256: hashes?.get(name) ?? null })),
      vramPeakBytes,
    },
  };
}

/** In one's turn; undefined when `signal` aborted. */
async function fetchOutputs(
  wanted: WantedOutputs,
  places: EndPlaces,
  signal: AbortSignal,
): ReturnType<typeof collectOutputs> {
  const done = await places.downloads.take(signal);
  try {
    return done && (await collectOutputs(wanted, places, signal));
  } finally {
    done?.();
  }
}

function failed(reason: Failure): End {
  return { kind: 'failed', failure: reason };
}
