import type { ApiGraph } from '@anime/contracts';
import type { NodeDurations } from './node-durations.js';

type Node = ApiGraph[string];

/** What nodes of a kind cost beside each other where nobody says; the first that fits. Of samplers for twenty steps. */
const KINDS: readonly { readonly of: RegExp; readonly weight: number; readonly perStep?: true }[] = [
  { of: /KSampler(?!Select)|^SamplerCustom|UltimateSDUpscale|Detailer/, weight: 60, perStep: true },
  { of: /UpscaleWithModel|FrameInterpolat|RIFE|FILM/, weight: 15 },
  { of: /^Load(Image|Audio|Video|Latent)/, weight: 1 },
  { of: /Loader/, weight: 10 },
  { of: /VAEDecode/, weight: 8 },
  { of: /VAEEncode/, weight: 4 },
  { of: /Save(Animated|Video|WEBM)|VideoCombine/, weight: 8 },
  { of: /^Save|Preview/, weight: 3 },
  { of: /TextEncode/, weight: 2 },
];
const OTHER = 1;
const USUAL_STEPS = 20;

/**
 * Share of the work of each node; they sum to 1. What the template says is where it begins, else the kinds of the nodes; what
 * nodes of the same classes took before on this server is better, and the rest is put in proportion to them. To be asked
 * once, at the start of an attempt: weights that changed under way would make its progress fall.
 * @param accepted shares as the template gives them; empty when it gives none
 */
export function progressWeights(
  graph: ApiGraph,
  accepted: Readonly<Record<string, number>>,
  durations?: Pick<NodeDurations, 'expected'>,
): Record<string, number> {
  const given = Object.keys(graph).some((id) => (accepted[id] ?? 0) > 0);
  const nodes = Object.entries(graph).map(([id, node]) => ({
    id,
    share: given ? Math.max(accepted[id] ?? 0, 0) : kindWeight(node),
    ms: durations?.expected(node.class_type, plannedSteps(node)),
  }));
  const known = nodes.filter(({ ms, share }) => ms !== undefined && share > 0);
  const msPerShare = sum(known.map(({ ms = 0 }) => ms)) / sum(known.map(({ share }) => share));
  const isMeasured = msPerShare > 0 && Number.isFinite(msPerShare);
  const parts = nodes.map(({ id, share, ms }) => [id, isMeasured ? (ms ?? share * msPerShare) : share] as const);
  const whole = sum(parts.map(([, part]) => part));
  return Object.fromEntries(parts.map(([id, part]) => [id, whole > 0 ? part / whole : 0]));
}

/** How long a prompt is expected to take, in ms; undefined as long as a class of its nodes has not run on this server. */
export function expectedMs(graph: ApiGraph, durations: Pick<NodeDurations, 'expected'>): number | undefined {
  let total = 0;
  for (const node of Object.values(graph)) {
    const ms = durations.expected(node.class_type, plannedSteps(node));
    if (ms === undefined) return undefined;
    total += ms;
  }
  return total;
}

/** Steps that a graph asks of a node; null when it does not say, or takes them from another node. */
function plannedSteps({ inputs }: Node): number | null {
  const steps = inputs['steps'];
  return typeof steps === 'number' && Number.isFinite(steps) && steps > 0 ? steps : null;
}

function kindWeight(node: Node): number {
  const kind = KINDS.find(({ of }) => of.test(node.class_type));
  if (kind === undefined) return OTHER;
  return kind.perStep === true ? (kind.weight * (plannedSteps(node) ?? USUAL_STEPS)) / USUAL_STEPS : kind.weight;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
