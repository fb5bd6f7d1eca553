import type {
  ApiGraph,
  EventData,
  ExecutedOutput,
  JobAcceptedV3,
  JobExecutedV2,
  OrganisedFile,
} from '@anime/contracts';

/** What a sidecar is made from: the two events, the filed output, and the graph that ran where it could be read. */
export interface SidecarSource {
  readonly jobId: string;
  readonly executedEventId: string;
  readonly executedAt: string;
  readonly executed: EventData<typeof JobExecutedV2>;
  readonly accepted: EventData<typeof JobAcceptedV3>;
  readonly graph: ApiGraph | undefined;
  readonly output: ExecutedOutput;
  readonly filed: OrganisedFile;
}

/**
 * The content of `<name>.json` beside an output: what made it, for whoever finds the file without the log. Values come
 * from events only; what is not known is left out, never guessed. Written as canonical JSON, so the same events give the
 * same bytes.
 */
export function sidecarOf(source: SidecarSource) {
  const { accepted, executed, filed, output } = source;
  const checkpoints = source.graph === undefined ? [] : checkpointsOf(source.graph);
  const { width, height, frames } = filed;
  return {
    format: 'anime-sidecar/1',
    job: source.jobId,
    attempt: executed.attempt,
    type: accepted.type,
    ...(accepted.project === null ? {} : { project: accepted.project.id }),
    template: accepted.template,
    parameters: accepted.parameters,
    seed: accepted.seed,
    graph: { sha256: executed.graphHash, variant: executed.variant },
    ...(checkpoints.length === 0 ? {} : { checkpoints }),
    ...(executed.models.length === 0 ? {} : { models: executed.models.map(modelOf) }),
    executor: executed.executorId,
    cached: executed.cached,
    ...(executed.cachedNodes.length === 0 ? {} : { cachedNodes: executed.cachedNodes }),
    node: output.node,
    index: output.index,
    role: output.role,
    output: {
      file: filed.path.slice(filed.path.lastIndexOf('/') + 1),
      sha256: filed.sha256,
      ...(output.pixelSha256 === null ? {} : { pixelSha256: output.pixelSha256 }),
      size: filed.size,
      mediaType: filed.mediaType,
      ...(width === undefined ? {} : { width }),
      ...(height === undefined ? {} : { height }),
      ...(frames === undefined ? {} : { frames }),
    },
    requestedAt: accepted.layout.requestedAt,
    executedAt: source.executedAt,
    executedEvent: source.executedEventId,
  };
}

/** A model file, with its content where the executor could read it. */
function modelOf({ name, sha256 }: EventData<typeof JobExecutedV2>['models'][number]) {
  return { name, ...(sha256 === null ? {} : { sha256 }) };
}

/** The checkpoint files that a graph loads, in the order of their names: the input `ckpt_name` of ComfyUI's loaders. */
export function checkpointsOf(graph: ApiGraph): readonly string[] {
  const names = Object.values(graph).flatMap(({ inputs }) =>
    typeof inputs['ckpt_name'] === 'string' ? [inputs['ckpt_name']] : [],
  );
  return [...new Set(names)].toSorted();
}
