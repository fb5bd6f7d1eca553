import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { bodyOf } from '../../values/body.js';
import { ApiGraph } from '../../values/graph.js';
import { Sha256, Slug } from '../../values/primitives.js';
import { TemplateManifestV1 } from '../../values/template-manifest.js';

/** A version of a workflow template is known and can be used from now on. */
export const WorkflowRegisteredV1 = defineEvent({
  type: 'workflow.registered',
  version: 1,
  aggregate: 'workflow',
  producer: 'gateway',
  description: 'A version of a workflow template is known and can be used from now on.',
  data: z.strictObject({
    slug: Slug,
    version: z.int().min(1),
    manifest: TemplateManifestV1,
    graph: bodyOf(ApiGraph),
    graphHash: Sha256,
    builtIn: z.boolean(),
  }),
});
