import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { bodyOf } from '../../values/body.js';
import { ApiGraph } from '../../values/graph.js';
import { Sha256 } from '../../values/primitives.js';
import { TemplateManifest } from '../../values/template-manifest.js';
import { WorkflowRegisteredV1 } from './registered.v1.js';

/** A version of a workflow template is known. Version 2 has a variant for less memory, pictures to take in, and more kinds of outputs. */
export const WorkflowRegisteredV2 = defineEvent({
  type: 'workflow.registered',
  version: 2,
  aggregate: 'workflow',
  producer: 'gateway',
  description: WorkflowRegisteredV1.description,
  data: z.strictObject({
    ...WorkflowRegisteredV1.data.shape,
    manifest: TemplateManifest,
    /** The graph that needs less memory; null when there is none. */
    lowMemory: z.strictObject({ graph: bodyOf(ApiGraph), graphHash: Sha256 }).nullable(),
  }),
});
