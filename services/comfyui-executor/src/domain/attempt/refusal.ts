import type { ApiGraph } from '@anime/contracts';
import { missingModelMessage, missingNodeMessage } from './decline.js';
import { isModelFile, type MissingModel } from './models.js';
import { failure, responseEvidence, type Failure } from './failure.js';
import { nearest } from './nearest.js';

/** The parts of a 400 of `POST /prompt`, or of a 200 with `node_errors`, that tell why. */
export interface RefusedPrompt {
  readonly status: number;
  readonly error: {
    readonly type: string;
    readonly message: string;
    readonly details?: string | null | undefined;
    readonly extra_info?: Readonly<Record<string, unknown>> | null | undefined;
  } | null;
  readonly nodeErrors: Readonly<
    Record<
      string,
      {
        readonly class_type?: string | null | undefined;
        readonly errors: readonly {
          readonly type: string;
          readonly message: string;
          readonly details: string;
          readonly extra_info?: Readonly<Record<string, unknown>> | null | undefined;
        }[];
      }
    >
  >;
}

const SUGGESTIONS = 5;

/** The class that the server does not know, if that is why it refused. */
export function missingNodeOf(
  refused: RefusedPrompt,
): { readonly node: string | null; readonly classType: string | null } | undefined {
  if (refused.error?.type !== 'missing_node_type') return undefined;
  const { node_id: node, class_type: classType } = refused.error.extra_info ?? {};
  return { node: typeof node === 'string' ? node : null, classType: typeof classType === 'string' ? classType : null };
}

/** The first model file that the server does not have. A sampler's name that it does not know is no model: `invalid`. */
export function missingModelOf(refused: RefusedPrompt, graph: ApiGraph): MissingModel | undefined {
  for (const [node, { errors, class_type: classType }] of Object.entries(refused.nodeErrors)) {
    for (const { type, extra_info: info } of errors) {
      const input = info?.['input_name'];
      const wanted = info?.['received_value'];
      if (type !== 'value_not_in_list' || typeof input !== 'string' || typeof wanted !== 'string') continue;
      if (!isModelFile(wanted)) continue;
      const available = combo(info?.['input_config']);
      return { node, classType: classType ?? graph[node]?.class_type ?? 'unknown', input, wanted, available };
    }
  }
  return undefined;
}

/** The input of the job that a node does not find on the server, where it was put before. */
function missingInputOf(
  refused: RefusedPrompt,
  graph: ApiGraph,
  inputs: readonly string[],
): { readonly node: string; readonly classType: string; readonly name: string } | undefined {
  for (const [node, { errors, class_type: classType }] of Object.entries(refused.nodeErrors)) {
    for (const { extra_info: info } of errors) {
      const name = graph[node]?.inputs[String(info?.['input_name'])];
      if (typeof name !== 'string' || !inputs.includes(name)) continue;
      return { node, classType: classType ?? graph[node]?.class_type ?? 'unknown', name };
    }
  }
  return undefined;
}

/**
 * A refused submission as a failure. When it names an input of the job, that was deleted on the server, and is sent again for the
 * next attempt.
 * @param inputs the names of the job's inputs on the server
 * @param available names that the server has, of nodes or of models as the refusal needs; empty when they are unknown
 */
export function failureOfRefusal(
  refused: RefusedPrompt,
  graph: ApiGraph,
  inputs: readonly string[],
  available: readonly string[],
): Failure {
  const evidence = {
    httpStatus: refused.status,
    response: responseEvidence({ error: refused.error, node_errors: refused.nodeErrors }),
  };
  const missingNode = missingNodeOf(refused);
  if (missingNode !== undefined) {
    const name = missingNode.classType ?? 'without a class';
    const message = missingNodeMessage(name, nearest(name, available, SUGGESTIONS));
    return failure('missing-node', 'submission-refused', message, {
      ...evidence,
      ...(missingNode.node === null ? {} : { nodeId: missingNode.node }),
      ...(missingNode.classType === null ? {} : { nodeType: missingNode.classType }),
    });
  }
  const model = missingModelOf(refused, graph);
  if (model !== undefined) {
    const message = missingModelMessage(model, nearest(model.wanted, available, SUGGESTIONS));
    return failure('missing-model', 'submission-refused', message, {
      ...evidence,
      nodeId: model.node,
      nodeType: model.classType,
    });
  }
  const input = missingInputOf(refused, graph, inputs);
  if (input !== undefined) {
    const message = `The input ${input.name} is not on the server any more: ${describe(refused)}`;
    return failure('transient', 'input-missing', message, {
      ...evidence,
      nodeId: input.node,
      nodeType: input.classType,
    });
  }
  const [first] = Object.entries(refused.nodeErrors);
  return failure('invalid', 'submission-refused', describe(refused), {
    ...evidence,
    ...(first === undefined ? {} : { nodeId: first[0], nodeType: first[1].class_type ?? graph[first[0]]?.class_type }),
  });
}

function describe(refused: RefusedPrompt): string {
  const parts = Object.entries(refused.nodeErrors).flatMap(([node, { class_type: classType, errors }]) =>
    errors.map(
      ({ message, details }) =>
        `${classType ?? 'node'} (node ${node}): ${message}${details === '' ? '' : `: ${details}`}`,
    ),
  );
  if (parts.length > 0) return parts.slice(0, 10).join('; ');
  return refused.error === null ? 'The server refused the graph' : refused.error.message;
}

/** Combos are `[[…values], {…}]` or `["COMBO", {options: […]}]`; null when the server left the list out. */
function combo(config: unknown): readonly string[] | null {
  if (!Array.isArray(config)) return null;
  const [head, details] = config as readonly unknown[];
  const options = Array.isArray(head) ? head : (details as { options?: unknown } | null | undefined)?.options;
  return Array.isArray(options) ? options.filter((option) => typeof option === 'string') : null;
}
