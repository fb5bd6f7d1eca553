import { z } from 'zod';
import { JsonValue } from './json-value.js';

/** A graph in ComfyUI's API format: node id → class and inputs; an input is a value or a link `[node id, output slot]`. */
export const GraphNode = z.strictObject({
  class_type: z.string().min(1),
  inputs: z.record(z.string(), JsonValue),
  _meta: z.strictObject({ title: z.string() }).optional(),
});
export type GraphNode = z.infer<typeof GraphNode>;
export const ApiGraph = z.record(z.string().regex(/^[^.\s]+$/), GraphNode);
export type ApiGraph = z.infer<typeof ApiGraph>;
