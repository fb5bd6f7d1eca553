import { AnyJson, type JsonValue } from '../server-json.js';
import { z } from 'zod';

/**
 * One input of a node class, as `/object_info` declares it. The names of the options are the server's own, and options that
 * are not named here are kept beside the others. Both forms in use are read: V1 `[[…values], {…}]`, V3 `["COMBO", {options}]`.
 * Numbers beyond 2^53, like the largest seed, are the nearest that JavaScript has.
 */
export type InputSpec =
  | { readonly kind: 'int'; readonly name: string; readonly options: z.infer<typeof IntOptions> }
  | { readonly kind: 'float'; readonly name: string; readonly options: z.infer<typeof FloatOptions> }
  | { readonly kind: 'string'; readonly name: string; readonly options: z.infer<typeof StringOptions> }
  | { readonly kind: 'boolean'; readonly name: string; readonly options: z.infer<typeof BooleanOptions> }
  | ComboSpec
  | DynamicComboSpec
  | AutogrowSpec
  | {
      /** Takes any of the types, but the same as the other inputs and outputs of this template id. */
      readonly kind: 'match-type';
      readonly name: string;
      readonly template: z.infer<typeof MatchTemplate>;
      readonly options: z.infer<typeof CommonOptions>;
    }
  | {
      /**
       * A link, or a value of a type that only the server's front end edits (a colour, a curve, a box). `types` has more than
       * one entry for a union like `FLOAT,INT`; `*` takes everything.
       */
      readonly kind: 'link';
      readonly name: string;
      readonly types: readonly string[];
      readonly options: z.infer<typeof CommonOptions>;
    }
  /** A form that no known server uses: kept as it came, so that one odd custom node does not hide the others. */
  | { readonly kind: 'other'; readonly name: string; readonly spec: JsonValue };

export interface ComboSpec {
  readonly kind: 'combo';
  readonly name: string;
  readonly form: 'V1' | 'V3';
  /** What it takes now; undefined where the front end fetches the list itself (`remote`). Files and models change while the server runs. */
  readonly values: readonly ComboValue[] | undefined;
  readonly options: z.infer<typeof ComboOptions>;
}

export interface DynamicComboSpec {
  readonly kind: 'dynamic-combo';
  readonly name: string;
  /** Each choice brings inputs of its own, named `<this input>.<their name>` in a graph. */
  readonly choices: readonly { readonly key: string; readonly inputs: ValueInputs }[];
  readonly options: z.infer<typeof CommonOptions>;
}

export interface AutogrowSpec {
  readonly kind: 'autogrow';
  readonly name: string;
  /** What grows: the inputs of one item, and how the items are named and bounded. */
  readonly template: {
    readonly inputs: ValueInputs;
    readonly prefix?: string | undefined;
    readonly names?: readonly string[] | undefined;
    readonly min?: number | undefined;
    readonly max?: number | undefined;
  };
  readonly options: z.infer<typeof CommonOptions>;
}

/** Inputs that a graph gives, in the order of the node's form. */
export interface ValueInputs {
  readonly required: readonly InputSpec[];
  readonly optional: readonly InputSpec[];
}

const ComboValue = z.union([z.string(), z.number(), z.boolean(), z.null()]);
export type ComboValue = z.infer<typeof ComboValue>;

const CommonOptions = z
  .object({
    default: AnyJson.optional(),
    tooltip: z.string().nullish(),
    display_name: z.string().nullish(),
    /** Shown only where somebody asks for more. */
    advanced: z.boolean(),
    hidden: z.boolean(),
    /** Evaluated only when the node asks for it. */
    lazy: z.boolean(),
    /** The node gets the link itself, not the value. */
    rawLink: z.boolean(),
    /** Only a link, no widget. */
    forceInput: z.boolean(),
    /** Only a widget, no link. */
    socketless: z.boolean(),
    widgetType: z.string(),
    component: z.string(),
  })
  .partial()
  .catchall(AnyJson);
/** Bounds are null where the server says an infinity, which JSON has not. */
const bounds = { min: z.number().nullish(), max: z.number().nullish(), step: z.number().nullish() };
const IntOptions = CommonOptions.extend({
  ...bounds,
  default: z.number().nullish(),
  display: z.string().optional(),
  /** True, or the mode that the front end begins with. It is no concern of a graph sent by API. */
  control_after_generate: z.union([z.boolean(), z.string()]).optional(),
});
const FloatOptions = CommonOptions.extend({
  ...bounds,
  default: z.number().nullish(),
  display: z.string().optional(),
  /** The step to which values are rounded; false for none. */
  round: z.union([z.number(), z.boolean()]).nullish(),
});
const StringOptions = CommonOptions.extend({
  default: z.string().nullish(),
  multiline: z.boolean().optional(),
  dynamicPrompts: z.boolean().optional(),
  placeholder: z.string().nullish(),
  image_upload: z.boolean().optional(),
});
const BooleanOptions = CommonOptions.extend({
  default: z.boolean().nullish(),
  label_on: z.string().nullish(),
  label_off: z.string().nullish(),
});
const ComboOptions = CommonOptions.extend({
  default: z.union([ComboValue, z.array(ComboValue)]).optional(),
  multiselect: z.union([z.boolean(), z.record(z.string(), AnyJson)]).optional(),
  image_upload: z.boolean().optional(),
  audio_upload: z.boolean().optional(),
  video_upload: z.boolean().optional(),
  file_upload: z.boolean().optional(),
  image_folder: z.string().optional(),
  control_after_generate: z.union([z.boolean(), z.string()]).optional(),
  remote: z.looseObject({ route: z.string() }).optional(),
});
const MatchTemplate = z.object({ template_id: z.string(), allowed_types: z.string() });

const Sections = z.looseObject({
  required: z.record(z.string(), AnyJson).nullish(),
  optional: z.record(z.string(), AnyJson).nullish(),
});
const AutogrowTemplate = z.object({
  input: Sections,
  prefix: z.string().optional(),
  names: z.array(z.string()).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
});

/**
 * Reads the inputs of a class or of a choice.
 * @param order names by section as the server lists them; JSON.parse would put names that are numbers first
 */
export function parseInputs(sections: z.infer<typeof Sections>, order: InputOrder = {}): ValueInputs {
  const section = (name: 'required' | 'optional'): readonly InputSpec[] => {
    const specs = sections[name] ?? {};
    const listed = (order[name] ?? []).filter((input) => Object.hasOwn(specs, input));
    return [...new Set([...listed, ...Object.keys(specs)])].map((input) => parseInputSpec(input, specs[input] ?? null));
  };
  return { required: section('required'), optional: section('optional') };
}
export interface InputOrder {
  readonly required?: readonly string[] | undefined;
  readonly optional?: readonly string[] | undefined;
}

/** Reads one input; never throws, what it does not know becomes `other`. The same form is in `input_config` of a refusal. */
export function parseInputSpec(name: string, spec: JsonValue): InputSpec {
  const other: InputSpec = { kind: 'other', name, spec };
  if (!Array.isArray(spec) || spec.length === 0 || spec.length > 2) return other;
  const [type, given = {}] = spec;
  if (Array.isArray(type)) return comboSpec(name, 'V1', type, given) ?? other;
  if (typeof type !== 'string' || !isObject(given)) return other;
  switch (type) {
    case 'INT':
      return typed('int', name, IntOptions.safeParse(given)) ?? other;
    case 'FLOAT':
      return typed('float', name, FloatOptions.safeParse(given)) ?? other;
    case 'STRING':
      return typed('string', name, StringOptions.safeParse(given)) ?? other;
    case 'BOOLEAN':
      return typed('boolean', name, BooleanOptions.safeParse(given)) ?? other;
    case 'COMBO': {
      const { options: values, ...rest } = given;
      return comboSpec(name, 'V3', values, rest) ?? other;
    }
    case 'COMFY_DYNAMICCOMBO_V3':
      return dynamicComboSpec(name, given) ?? other;
    case 'COMFY_AUTOGROW_V3':
      return autogrowSpec(name, given) ?? other;
    case 'COMFY_MATCHTYPE_V3':
      return matchTypeSpec(name, given) ?? other;
    default: {
      const options = CommonOptions.safeParse(given);
      return options.success ? { kind: 'link', name, types: type.split(','), options: options.data } : other;
    }
  }
}

/** The spec as the server writes it; what has no options is written with an empty object. */
export function inputSpecJson(spec: InputSpec): JsonValue {
  switch (spec.kind) {
    case 'other':
      return spec.spec;
    case 'combo':
      return spec.form === 'V1'
        ? [[...(spec.values ?? [])], json(spec.options)]
        : ['COMBO', json({ ...spec.options, options: spec.values && [...spec.values] })];
    case 'dynamic-combo': {
      const options = spec.choices.map(({ key, inputs }) => ({ key, inputs: inputsJson(inputs) }));
      return ['COMFY_DYNAMICCOMBO_V3', json({ ...spec.options, options })];
    }
    case 'autogrow': {
      const { inputs, ...rest } = spec.template;
      return ['COMFY_AUTOGROW_V3', json({ ...spec.options, template: { ...rest, input: inputsJson(inputs) } })];
    }
    case 'match-type':
      return ['COMFY_MATCHTYPE_V3', json({ ...spec.options, template: spec.template })];
    case 'link':
      return [spec.types.join(','), json(spec.options)];
    default:
      return [spec.kind.toUpperCase(), json(spec.options)];
  }
}

/** Sections as the server writes them; an empty one is left out, but `required` never. */
export function inputsJson({ required, optional }: ValueInputs): { [section: string]: { [name: string]: JsonValue } } {
  const section = (specs: readonly InputSpec[]): { [name: string]: JsonValue } =>
    Object.fromEntries(specs.map((spec) => [spec.name, inputSpecJson(spec)]));
  return { required: section(required), ...(optional.length === 0 ? {} : { optional: section(optional) }) };
}

function typed<K extends InputSpec['kind'], O>(
  kind: K,
  name: string,
  options: z.ZodSafeParseResult<O>,
): { readonly kind: K; readonly name: string; readonly options: O } | undefined {
  return options.success ? { kind, name, options: options.data } : undefined;
}

function comboSpec(name: string, form: 'V1' | 'V3', list: unknown, given: unknown): ComboSpec | undefined {
  const values = z.array(ComboValue).optional().safeParse(list);
  const options = ComboOptions.safeParse(given);
  if (!values.success || !options.success) return undefined;
  return { kind: 'combo', name, form, values: values.data, options: options.data };
}

function dynamicComboSpec(name: string, given: JsonObject): InputSpec | undefined {
  const { options: choices, ...rest } = given;
  const parsed = z.array(z.strictObject({ key: z.string(), inputs: Sections })).safeParse(choices);
  const options = CommonOptions.safeParse(rest);
  if (!parsed.success || !options.success) return undefined;
  const withInputs = parsed.data.map(({ key, inputs }) => ({ key, inputs: parseInputs(inputs) }));
  return { kind: 'dynamic-combo', name, choices: withInputs, options: options.data };
}

function autogrowSpec(name: string, given: JsonObject): InputSpec | undefined {
  const { template, ...rest } = given;
  const parsed = AutogrowTemplate.strict().safeParse(template);
  const options = CommonOptions.safeParse(rest);
  if (!parsed.success || !options.success) return undefined;
  const { input, ...bound } = parsed.data;
  return { kind: 'autogrow', name, template: { ...bound, inputs: parseInputs(input) }, options: options.data };
}

function matchTypeSpec(name: string, given: JsonObject): InputSpec | undefined {
  const { template, ...rest } = given;
  const parsed = MatchTemplate.strict().safeParse(template);
  const options = CommonOptions.safeParse(rest);
  if (!parsed.success || !options.success) return undefined;
  return { kind: 'match-type', name, template: parsed.data, options: options.data };
}

type JsonObject = { [key: string]: JsonValue };

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Without the members that are undefined, which JSON has not. */
function json(value: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}
