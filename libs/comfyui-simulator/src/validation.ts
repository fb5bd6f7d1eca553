import { type Graph, type GraphNode, isRecord, type Link, nodeOf } from './graph.js';
import type { CustomValidation, InputSpec, NodeEnvironment, NodeInfo, NodeKind } from './nodes/node-kind.js';
import { insertionOrdered } from './ordered-record.js';
import { markFloat, pythonRepr, pythonStr, unmarkFloat } from './python-json.js';
import {
  badLinkedInput,
  customValidationFailed,
  dependencyCycle,
  exceptionDuringInnerValidation,
  exceptionDuringValidation,
  type NodeError,
  type NodeErrorEntry,
  type PromptError,
  requiredInputMissing,
  returnTypeMismatch,
  ValidationException,
} from './validation-errors.js';
import { convertWidget } from './widget-values.js';

/** `outputs` are those that may run; with some of them valid, the errors of the others do not make it a failure. */
export interface Validation {
  readonly error?: PromptError;
  readonly outputs: readonly string[];
  readonly nodeErrors: Readonly<Record<string, NodeErrorEntry>>;
}

interface NodeVerdict {
  readonly valid: boolean;
  readonly errors: readonly NodeError[];
}

/**
 * Judges a graph as POST /prompt of ComfyUI does and converts its widget values in place.
 * @param targets `partial_execution_targets`: only these outputs; undefined: all
 * @throws TypeError for shapes on which the real server answers 500 (a graph that is no object, null inputs)
 */
export function validatePrompt(
  graph: unknown,
  kinds: ReadonlyMap<string, NodeKind>,
  environment: NodeEnvironment,
  targets?: readonly string[] | string,
): Validation {
  if (!isRecord(graph)) throw new TypeError('the prompt is not an object');
  const infos = new Map<string, NodeInfo>();
  const custom = new Map<string, CustomValidation>();
  for (const [id, node] of Object.entries(graph)) {
    if (!isRecord(node) || node['inputs'] === null) throw new TypeError(`node ${id} is not a node`);
    const classType = node['class_type'];
    const kind = typeof classType === 'string' ? kinds.get(classType) : undefined;
    if (kind === undefined) return { error: missingNodeType(id, node), outputs: [], nodeErrors: {} };
    infos.set(id, kind.info(environment));
    if (kind.validate !== undefined) custom.set(id, kind.validate);
  }
  const nodes = graph as Graph;
  const outputs = [...infos]
    .filter(([id, info]) => info.output_node && (targets?.includes(id) ?? true))
    .map(([id]) => id);
  if (outputs.length === 0) {
    return { error: promptError('prompt_no_outputs', 'Prompt has no outputs', ''), outputs: [], nodeErrors: {} };
  }
  return new PromptValidator(nodes, infos, custom, environment).judge(outputs);
}

function missingNodeType(id: string, node: Readonly<Record<string, unknown>>): PromptError {
  const classType = node['class_type'];
  const meta = node['_meta'];
  const title = isRecord(meta) && typeof meta['title'] === 'string' ? meta['title'] : (classType ?? null);
  const message =
    classType === undefined
      ? `Node 'ID #${id}' has no class_type. The workflow may be corrupted or a custom node is missing.`
      : `Node '${pythonStr(title)}' not found. The custom node may not be installed.`;
  return {
    type: 'missing_node_type',
    message,
    details: `Node ID '#${id}'`,
    extra_info: { node_id: id, class_type: classType ?? null, node_title: title },
  };
}

function promptError(type: string, message: string, details: string): PromptError {
  return { type, message, details, extra_info: {} };
}

class PromptValidator {
  private readonly verdicts = new Map<string, NodeVerdict>();
  private readonly visiting: string[] = [];

  constructor(
    private readonly graph: Graph,
    private readonly infos: ReadonlyMap<string, NodeInfo>,
    private readonly custom: ReadonlyMap<string, CustomValidation>,
    private readonly environment: NodeEnvironment,
  ) {}

  judge(outputs: readonly string[]): Validation {
    const good: string[] = [];
    const nodeErrors = insertionOrdered<NodeErrorEntry>();
    const details: string[] = [];
    for (const output of outputs) {
      const verdict = this.validateOutput(output);
      if (verdict.valid) {
        good.push(output);
        continue;
      }
      details.push(...verdict.errors.map((error) => `${error.message}: ${error.details}`));
      this.collectErrors(output, nodeErrors);
    }
    if (good.length > 0) return { outputs: good, nodeErrors };
    const message = 'Prompt outputs failed validation';
    return {
      error: promptError('prompt_outputs_failed_validation', message, details.join('\n')),
      outputs: [],
      nodeErrors,
    };
  }

  /** Every node found bad so far is blamed for this output, which is how unrelated outputs get into the list. */
  private collectErrors(output: string, nodeErrors: Record<string, NodeErrorEntry>): void {
    for (const [id, verdict] of this.verdicts) {
      if (verdict.valid || verdict.errors.length === 0) continue;
      const classType = this.node(id).class_type;
      nodeErrors[id] ??= { errors: verdict.errors, dependent_outputs: [], class_type: classType };
      nodeErrors[id].dependent_outputs.push(output);
    }
  }

  private validateOutput(id: string): NodeVerdict {
    try {
      return this.validate(id);
    } catch (error) {
      if (!(error instanceof ValidationException)) throw error;
      this.visiting.length = 0;
      return this.remember(id, [exceptionDuringValidation(error)]);
    }
  }

  /** @throws ValidationException where Python would raise */
  private validate(id: string): NodeVerdict {
    const known = this.verdicts.get(id);
    if (known !== undefined) return known;
    if (this.visiting.includes(id)) return this.rejectCycle(id);
    const { inputs } = this.node(id);
    if (inputs === undefined) throw new ValidationException('KeyError', "'inputs'");
    this.visiting.push(id);
    const { required = {}, optional = {} } = this.info(id).input;
    const errors: NodeError[] = [];
    let ancestorsValid = true;
    for (const [name, spec] of Object.entries({ ...required, ...optional })) {
      const value = inputs[name];
      if (!(name in inputs)) {
        if (name in required) errors.push(requiredInputMissing(name));
      } else if (Array.isArray(value)) {
        const problem = this.validateLink(name, spec, value);
        if (problem === 'invalid ancestor') ancestorsValid = false;
        else if (problem !== undefined) errors.push(problem);
      } else {
        const isCustom = this.custom.get(id)?.inputs.includes(name) === true;
        const conversion = convertWidget(name, isCustom ? unbounded(spec) : spec, value);
        if ('error' in conversion) errors.push(conversion.error);
        else keepConverted(inputs, name, spec, conversion.value);
      }
    }
    errors.push(...this.customErrors(id, inputs));
    this.visiting.pop();
    // A cycle through this node has already been written against it.
    const verdict = this.verdicts.get(id) ?? { valid: true, errors: [] };
    if (errors.length > 0) return this.remember(id, errors);
    if (!ancestorsValid && verdict.valid) return this.remember(id, []);
    this.verdicts.set(id, verdict);
    return verdict;
  }

  /** VALIDATE_INPUTS of the node: one complaint, written against every input it looks at. */
  private customErrors(id: string, inputs: Readonly<Record<string, unknown>>): NodeError[] {
    const custom = this.custom.get(id);
    const reason = custom?.check(inputs, this.environment);
    if (custom === undefined || reason === undefined) return [];
    return custom.inputs.filter((name) => name in inputs).map((name) => customValidationFailed(name, reason));
  }

  private validateLink(
    name: string,
    spec: InputSpec,
    value: readonly unknown[],
  ): NodeError | 'invalid ancestor' | undefined {
    if (value.length !== 2) return badLinkedInput(name, spec, value);
    const [source, slot] = value;
    if (typeof source !== 'string' || nodeOf(this.graph, source) === undefined) {
      throw new ValidationException('KeyError', pythonRepr(source));
    }
    const received = outputType(this.info(source), slot);
    if (!typesMatch(received, spec)) return returnTypeMismatch(name, spec, received, value);
    const link: Link = [source, Number(slot)];
    const depth = this.visiting.length;
    try {
      return this.validate(source).valid ? undefined : 'invalid ancestor';
    } catch (error) {
      if (!(error instanceof ValidationException)) throw error;
      this.remember(source, [exceptionDuringInnerValidation(error, name, spec, link)]);
      this.visiting.length = depth;
      return 'invalid ancestor';
    }
  }

  private rejectCycle(id: string): NodeVerdict {
    const cycle = this.visiting.slice(this.visiting.indexOf(id));
    const path = [...cycle, id].map((node) => `${node} (${this.node(node).class_type})`).join(' -> ');
    for (const node of cycle) this.remember(node, [dependencyCycle(node, cycle, path)]);
    return { valid: false, errors: [] };
  }

  private remember(id: string, errors: readonly NodeError[]): NodeVerdict {
    const verdict = { valid: false, errors };
    this.verdicts.set(id, verdict);
    return verdict;
  }

  private node(id: string): Partial<Pick<GraphNode, 'inputs'>> & Pick<GraphNode, 'class_type'> {
    const node = nodeOf(this.graph, id);
    if (node === undefined) throw new ValidationException('KeyError', pythonRepr(id));
    return node;
  }

  private info(id: string): NodeInfo {
    const info = this.infos.get(id);
    if (info === undefined) throw new ValidationException('KeyError', pythonRepr(id));
    return info;
  }
}

/** What is converted to a FLOAT is written with a point from then on, what is converted to an INT without. */
function keepConverted(inputs: Record<string, unknown>, name: string, spec: InputSpec, value: unknown): void {
  inputs[name] = value;
  if (spec[0] === 'FLOAT') markFloat(inputs, name);
  if (spec[0] === 'INT') unmarkFloat(inputs, name);
}

/** Python indexing of a tuple: -1 is the last one, which ComfyUI therefore accepts. */
function outputType(info: NodeInfo, slot: unknown): string {
  if (typeof slot !== 'number' || !Number.isInteger(slot)) {
    throw new ValidationException('TypeError', 'tuple indices must be integers or slices, not str');
  }
  const type = info.output.at(slot);
  if (type === undefined) throw new ValidationException('IndexError', 'tuple index out of range');
  return type;
}

/** An input the node judges itself is only converted: neither its bounds nor its choices are asked. */
function unbounded([type]: InputSpec): InputSpec {
  return [typeof type === 'string' && type !== 'COMBO' ? type : '*'];
}

function typesMatch(received: string, spec: InputSpec): boolean {
  return spec[0] === '*' || received === '*' || received === spec[0];
}
