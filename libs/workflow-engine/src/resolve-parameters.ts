import type { ParameterSchema, Parameters, ParameterValue, TemplateManifest } from '@anime/contracts';

/** What is wrong with one parameter of a request. */
export interface ParameterError {
  readonly parameter: string;
  readonly message: string;
}

export type ResolvedParameters =
  | {
      readonly ok: true;
      /** Every parameter of the template, defaults filled in. */
      readonly parameters: Parameters;
      readonly seed: number;
      readonly seedSource: 'given' | 'drawn';
    }
  | { readonly ok: false; readonly errors: readonly ParameterError[] };

export interface ParameterDefaults {
  /** Draws a seed (0 … 2^53−1); called at most once, when the template has a seed and none was given. */
  readonly drawSeed: () => number;
  /** The studio's checkpoint, in place of the template's own default. */
  readonly checkpoint?: string | undefined;
}

/**
 * Checks the given parameters against a template and fills in the rest. Finds all faults at once.
 * A template without a seed parameter gets seed 0, `given`.
 */
export function resolveParameters(
  manifest: TemplateManifest,
  given: Readonly<Record<string, unknown>>,
  defaults: ParameterDefaults,
): ResolvedParameters {
  const errors: ParameterError[] = [];
  const parameters: Parameters = {};
  let seed = 0;
  let seedSource: 'given' | 'drawn' = 'given';
  const known = new Set(manifest.parameters.map((parameter) => parameter.name));
  for (const name of Object.keys(given)) {
    if (given[name] !== undefined && !known.has(name)) {
      errors.push({
        parameter: name,
        message: `is not a parameter of ${manifest.id}; it takes ${[...known].join(', ')}`,
      });
    }
  }
  for (const parameter of manifest.parameters) {
    let value = given[parameter.name];
    if (value === undefined && parameter.role === 'seed') {
      value = defaults.drawSeed();
      seedSource = 'drawn';
    }
    if (value === undefined && parameter.role === 'checkpoint') value = defaults.checkpoint;
    value ??= parameter.schema.default;
    if (value === undefined) {
      errors.push({ parameter: parameter.name, message: 'is required' });
      continue;
    }
    const message = parameter.role === 'image' ? pictureFault(value) : faultOf(parameter.schema, value);
    if (message !== undefined) {
      errors.push({ parameter: parameter.name, message });
      continue;
    }
    parameters[parameter.name] = value as ParameterValue;
    if (parameter.role === 'seed') seed = value as number;
  }
  return errors.length > 0 ? { ok: false, errors } : { ok: true, parameters, seed, seedSource };
}

const SHA256 = /^[0-9a-f]{64}$/;

/** Whether there is such a picture is for whoever has the pictures. */
function pictureFault(value: unknown): string | undefined {
  const named = typeof value === 'string' && SHA256.test(value);
  return named ? undefined : 'must be the sha256 of a picture that was sent to POST /api/anime/inputs';
}

function faultOf(schema: ParameterSchema, value: unknown): string | undefined {
  switch (schema.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'string':
      return stringFault(schema, value);
    case 'integer':
    case 'number':
      return numberFault(schema, value);
  }
}

function stringFault(schema: ParameterSchema & { type: 'string' }, value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be text';
  if (schema.minLength !== undefined && value.length < schema.minLength) {
    return `must have at least ${schema.minLength} character(s)`;
  }
  if (schema.maxLength !== undefined && value.length > schema.maxLength) {
    return `must have at most ${schema.maxLength} characters`;
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) return `must be one of ${schema.enum.join(', ')}`;
  return undefined;
}

function numberFault(schema: ParameterSchema & { type: 'integer' | 'number' }, value: unknown): string | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'must be a number';
  if (schema.type === 'integer' && !Number.isSafeInteger(value)) return 'must be a whole number up to 2^53−1';
  if (schema.minimum !== undefined && value < schema.minimum) return `must be at least ${schema.minimum}`;
  if (schema.maximum !== undefined && value > schema.maximum) return `must be at most ${schema.maximum}`;
  if (schema.multipleOf !== undefined && !isMultiple(value, schema.multipleOf)) {
    return `must be a multiple of ${schema.multipleOf}`;
  }
  return undefined;
}

/** Tolerates the last bit of binary fractions, as 0.3 / 0.1. */
function isMultiple(value: number, step: number): boolean {
  const quotient = value / step;
  return Math.abs(quotient - Math.round(quotient)) <= Number.EPSILON * 8 * Math.max(1, Math.abs(quotient));
}
