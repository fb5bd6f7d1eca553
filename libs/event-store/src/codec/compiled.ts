import { z } from 'zod';

const known = new WeakMap<z.ZodType, z.ZodType>();

/**
 * The same schema in a form that checks faster (`z.compile`): what is valid goes through code made for it, everything else
 * through zod's parser, which says what is wrong. Made when it is first asked for, as that takes milliseconds.
 */
export function compiled<Schema extends z.ZodType>(schema: Schema): Schema {
  let fast = known.get(schema);
  if (fast === undefined) known.set(schema, (fast = z.compile(schema)));
  // `compile` gives a schema of the same type.
  return fast as Schema;
}
