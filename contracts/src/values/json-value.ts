import { z } from 'zod';

type Json = z.infer<ReturnType<typeof z.json>>;

/** What this module means by JSON, as documents show it. */
const documented = z.json();

/**
 * Any JSON value: accepts and gives the same as `z.json()`, and has the same JSON Schema. That one tries six schemas on each
 * value and refuses `z.compile`, as it is recursive: it took five times as long to read a `job.accepted` with it.
 */
export const JsonValue = z.unknown().transform((value, context): Json => {
  if (isJson(value)) return cleaned(value);
  context.addIssue({ code: 'custom', message: 'is no JSON value', input: value });
  return z.NEVER;
});

// What zod's own processor of `z.lazy` does, for another schema than the one that checks.
JsonValue._zod.processJSONSchema = (context, _schema, parameters) => {
  z.core.processSchema(documented, context, parameters);
  const seen = context.seen.get(JsonValue);
  if (seen !== undefined) seen.ref = documented;
};

function isJson(value: unknown): value is Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      if (value === null) return true;
      // Not `every`, which passes over holes.
      if (Array.isArray(value)) return value.findIndex((item) => !isJson(item)) === -1;
      return z.core.util.isPlainObject(value) && Object.values(value).every(isJson);
    default:
      return false;
  }
}

/** Without keys `__proto__`, as zod has them nowhere: who copies such an object by assignment would set its prototype. */
function cleaned(value: Json): Json {
  if (value === null || typeof value !== 'object' || !hasProto(value)) return value;
  if (Array.isArray(value)) return value.map(cleaned);
  const kept = Object.entries(value).filter(([key]) => key !== '__proto__');
  return Object.fromEntries(kept.map(([key, item]) => [key, cleaned(item)]));
}

function hasProto(value: Json): boolean {
  if (value === null || typeof value !== 'object') return false;
  return (!Array.isArray(value) && Object.hasOwn(value, '__proto__')) || Object.values(value).some(hasProto);
}
