import { z } from 'zod';
import { JobType, NodeId, OutputKind, OutputKindV1, Slug, Word } from './primitives.js';

/** Names a template, or one version of it: `text-to-image` (the newest), `text-to-image@2`. */
export const TemplateReference = z
  .string()
  .max(80)
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*(@[1-9][0-9]{0,8})?$/, 'must be the name of a template, or name@version');

/** The part of JSON Schema that a template's parameter may use. */
export const ParameterSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('string'),
    minLength: z.int().min(0).optional(),
    maxLength: z.int().min(1).optional(),
    enum: z.array(z.string()).min(1).optional(),
    default: z.string().optional(),
  }),
  z.strictObject({
    type: z.enum(['integer', 'number']),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    multipleOf: z.number().positive().optional(),
    default: z.number().optional(),
  }),
  z.strictObject({ type: z.literal('boolean'), default: z.boolean().optional() }),
]);
export type ParameterSchema = z.infer<typeof ParameterSchema>;

/** As `workflow.registered.v1` has it. */
const TemplateParameterV1 = z.strictObject({
  name: z.string().regex(/^[a-z][A-Za-z0-9]*$/),
  title: z.string().min(1).optional(),
  schema: ParameterSchema,
  required: z.boolean().optional(),
  unit: z.string().optional(),
  /** `seed`: drawn by the gateway when absent. `checkpoint`: the studio's default checkpoint when absent. */
  role: z.enum(['seed', 'checkpoint']).optional(),
  /** `<node id>.<input>` paths that take the value. */
  targets: z.array(z.string().regex(/^[^.\s]+\.[^.\s]+$/)).min(1),
});

export const TemplateParameter = z.strictObject({
  ...TemplateParameterV1.shape,
  /**
   * `seed`: drawn by the gateway when absent. `checkpoint`: the studio's default checkpoint when absent. `image`: the
   * SHA-256 of a picture that was given to the gateway; the graph gets the name that the server knows it by.
   */
  role: z.enum(['seed', 'checkpoint', 'image']).optional(),
});
export type TemplateParameter = z.infer<typeof TemplateParameter>;

/** As `workflow.registered.v1` has it. */
export const TemplateManifestV1 = z.strictObject({
  id: Slug,
  version: z.int().min(1),
  title: z.string().min(1),
  description: z.string().min(1),
  kind: JobType,
  nodeClasses: z.array(z.string().min(1)).min(1),
  /** GPU memory that a run needs, in GB. */
  vramGb: z.number().min(0),
  models: z.array(z.strictObject({ role: z.string(), folder: z.string(), parameter: z.string() })),
  parameters: z.array(TemplateParameterV1).min(1),
  outputs: z.array(z.strictObject({ node: NodeId, kind: OutputKindV1, role: Word, filenamePrefixInput: Word })).min(1),
  /** Share of the work per node id; sums to 1. */
  progress: z.record(z.string(), z.number().min(0).max(1)),
});

/** What one node makes. Text is told by the server and no file: its node has no prefix. */
export const TemplateOutput = z.strictObject({
  node: NodeId,
  kind: OutputKind,
  role: Word,
  filenamePrefixInput: Word.nullable(),
});
export type TemplateOutput = z.infer<typeof TemplateOutput>;

/** `workflows/<id>/v<N>/manifest.json`: what a template needs, takes and makes. */
export const TemplateManifest = z.strictObject({
  ...TemplateManifestV1.shape,
  parameters: z.array(TemplateParameter).min(1),
  outputs: z.array(TemplateOutput).min(1),
  /** There is a graph that needs less memory, in `graph.low-memory.api.json`, with the same nodes for parameters and outputs. */
  lowMemory: z.strictObject({ vramGb: z.number().min(0) }).optional(),
});
export type TemplateManifest = z.infer<typeof TemplateManifest>;
