import { inPieces } from '../in-pieces.js';
import { AnyJson, type JsonValue } from '../server-json.js';
import { z } from 'zod';
import { inputsJson, parseInputs, type ValueInputs } from './input-spec.js';

/** An input that the server fills by itself, e.g. `PROMPT` or `UNIQUE_ID`. */
export interface HiddenInput {
  readonly name: string;
  readonly type: string;
}

export interface NodeOutput {
  /** A link type; `*` fits everything; a list of values where the output is a combo. */
  readonly type: string | readonly JsonValue[];
  readonly name: string;
  /** True when it gives a list, each item of which goes its own way. */
  readonly isList: boolean;
  readonly tooltip: string | null;
  /** Template id of the inputs whose type it has, for `COMFY_MATCHTYPE_V3`. */
  readonly matchType: string | null;
}

/** A node class of one server, as `/object_info` tells it. */
export interface NodeDefinition {
  /** What a graph calls `class_type`. */
  readonly classType: string;
  readonly displayName: string | null;
  readonly description: string;
  readonly category: string;
  /** `nodes`, `comfy_extras.nodes_x`, or `custom_nodes.<folder>`. */
  readonly pythonModule: string;
  readonly inputs: ValueInputs & { readonly hidden: readonly HiddenInput[] };
  /** True when the node takes whole lists instead of running once per item. */
  readonly takesLists: boolean;
  readonly outputs: readonly NodeOutput[];
  /** Only these begin an execution. */
  readonly isOutputNode: boolean;
  readonly isDeprecated: boolean;
  readonly isExperimental: boolean;
  /** Runs elsewhere, for money. */
  readonly isApiNode: boolean;
  readonly isDevOnly: boolean;
  /** Everything else the server says, under its own names: `search_aliases`, `price_badge`… */
  readonly more: { readonly [key: string]: JsonValue };
}

/** All classes of a server, and those whose definition nobody can read, with why. */
export interface NodeDefinitions {
  readonly classes: ReadonlyMap<string, NodeDefinition>;
  readonly unreadable: ReadonlyMap<string, string>;
}

const Names = z.array(z.string()).nullish();
const Section = z.record(z.string(), AnyJson).nullish();
/** V1 writes `"PROMPT"`, V3 `["PROMPT"]`. */
const Hidden = z.union([z.string(), z.tuple([z.string()], z.unknown()).transform(([type]) => type)]);
const Flag = z.boolean().nullish();

const WireDefinition = z
  .object({
    input: z.looseObject({ required: Section, optional: Section, hidden: z.record(z.string(), Hidden).nullish() }),
    input_order: z.looseObject({ required: Names, optional: Names, hidden: Names }).nullish(),
    // A list with one flag in some custom nodes.
    is_input_list: z.union([z.boolean(), z.array(z.boolean())]).nullish(),
    output: z.array(z.union([z.string(), z.array(AnyJson)])).nullish(),
    // Null for false in some.
    output_is_list: z.array(z.boolean().nullable()).nullish(),
    output_name: z.array(AnyJson).nullish(),
    // May be longer than `output`, where a class inherits the texts of another.
    output_tooltips: z.array(z.string().nullable()).nullish(),
    output_matchtypes: z.array(z.string().nullable()).nullish(),
    name: z.string(),
    display_name: z.string().nullish(),
    description: z.string().nullish(),
    python_module: z.string().nullish(),
    category: z.string().nullish(),
    output_node: Flag,
    deprecated: Flag,
    experimental: Flag,
    api_node: Flag,
    dev_only: Flag,
  })
  .catchall(AnyJson);
type WireDefinition = z.infer<typeof WireDefinition>;

/** Reads `/object_info` or `/object_info/{class}`. One class that cannot be read does not hide the others. */
export function parseNodeDefinitions(answer: Readonly<Record<string, unknown>>): NodeDefinitions {
  const read = new DefinitionReader();
  for (const entry of Object.entries(answer)) read.add(...entry);
  return read;
}

/** The same piece by piece: a server's 938 classes take a quarter of a second, in which nothing else should have to wait. */
export async function readNodeDefinitions(answer: Readonly<Record<string, unknown>>): Promise<NodeDefinitions> {
  const read = new DefinitionReader();
  for await (const entry of inPieces(Object.entries(answer))) read.add(...entry);
  return read;
}

class DefinitionReader implements NodeDefinitions {
  readonly classes = new Map<string, NodeDefinition>();
  readonly unreadable = new Map<string, string>();

  add(classType: string, wire: unknown): void {
    const parsed = WireDefinition.safeParse(wire);
    if (parsed.success) this.classes.set(classType, definition(classType, parsed.data));
    else this.unreadable.set(classType, z.prettifyError(parsed.error));
  }
}

function definition(classType: string, wire: WireDefinition): NodeDefinition {
  const {
    input,
    input_order: order,
    is_input_list: takesLists,
    output,
    output_is_list: isList,
    output_name: names,
    output_tooltips: tooltips,
    output_matchtypes: matchTypes,
    name: _name,
    display_name: displayName,
    description,
    python_module: pythonModule,
    category,
    output_node: isOutputNode,
    deprecated,
    experimental,
    api_node: isApiNode,
    dev_only: isDevOnly,
    ...more
  } = wire;
  const ordered = { required: order?.required ?? undefined, optional: order?.optional ?? undefined };
  const hidden = Object.entries(input.hidden ?? {}).map(([name, type]) => ({ name, type }));
  return {
    classType,
    displayName: displayName ?? null,
    description: description ?? '',
    category: category ?? '',
    pythonModule: pythonModule ?? '',
    inputs: { ...parseInputs(input, ordered), hidden },
    takesLists: Array.isArray(takesLists) ? takesLists.includes(true) : (takesLists ?? false),
    outputs: (output ?? []).map((type, slot) => ({
      type,
      name: outputName(names?.[slot], type),
      isList: isList?.[slot] ?? false,
      tooltip: tooltips?.[slot] ?? null,
      matchType: matchTypes?.[slot] ?? null,
    })),
    isOutputNode: isOutputNode ?? false,
    isDeprecated: deprecated ?? false,
    isExperimental: experimental ?? false,
    isApiNode: isApiNode ?? false,
    isDevOnly: isDevOnly ?? false,
    more,
  };
}

/** The server names an output by its type where the class gives no name; that of a combo is its list. */
function outputName(name: JsonValue | undefined, type: NodeOutput['type']): string {
  if (typeof name === 'string') return name;
  return typeof type === 'string' ? type : 'COMBO';
}

/** A definition in the server's own form, each member written in one way: equal definitions give equal JSON. */
export function nodeDefinitionJson(node: NodeDefinition): { [key: string]: JsonValue } {
  const { required, optional, hidden } = node.inputs;
  const names = (inputs: readonly { readonly name: string }[]): string[] => inputs.map(({ name }) => name);
  return {
    ...node.more,
    input: {
      ...inputsJson(node.inputs),
      hidden: Object.fromEntries(hidden.map(({ name, type }) => [name, type])),
    },
    input_order: { required: names(required), optional: names(optional), hidden: names(hidden) },
    is_input_list: node.takesLists,
    output: node.outputs.map(({ type }) => (typeof type === 'string' ? type : [...type])),
    output_is_list: node.outputs.map(({ isList }) => isList),
    output_name: names(node.outputs),
    output_tooltips: node.outputs.map(({ tooltip }) => tooltip),
    output_matchtypes: node.outputs.map(({ matchType }) => matchType),
    name: node.classType,
    display_name: node.displayName,
    description: node.description,
    python_module: node.pythonModule,
    category: node.category,
    output_node: node.isOutputNode,
    deprecated: node.isDeprecated,
    experimental: node.isExperimental,
    api_node: node.isApiNode,
    dev_only: node.isDevOnly,
  };
}
