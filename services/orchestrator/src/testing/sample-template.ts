import type { ApiGraph, TemplateManifest } from '@anime/contracts';

export const SHA = 'a'.repeat(64);

/** A graph of one node, and the template that it is. */
export const SAMPLE_GRAPH: ApiGraph = { '7': { class_type: 'SaveImage', inputs: { filename_prefix: '', text: '' } } };
export const SAMPLE_MANIFEST: TemplateManifest = {
  id: 'text-to-image',
  version: 1,
  title: 't',
  description: 'd',
  kind: 'image',
  nodeClasses: ['SaveImage'],
  vramGb: 4,
  models: [],
  parameters: [{ name: 'prompt', schema: { type: 'string' }, targets: ['7.text'] }],
  outputs: [{ node: '7', kind: 'image', role: 'final', filenamePrefixInput: 'filename_prefix' }],
  progress: { '7': 1 },
};

/** What `workflow.registered` says of it. */
export const SAMPLE_WORKFLOW = {
  slug: 'text-to-image',
  version: 1,
  manifest: SAMPLE_MANIFEST,
  graph: { inline: SAMPLE_GRAPH },
  graphHash: SHA,
  builtIn: true,
  lowMemory: null,
};
