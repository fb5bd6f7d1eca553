import { WorkflowRegisteredV2, type EventData, type TemplateManifest } from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import { decideWorkflow } from './workflow.decide.js';
import { evolveWorkflow, type WorkflowEvent } from './workflow.evolve.js';
import { NO_WORKFLOW } from './workflow.state.js';

type Registered = EventData<typeof WorkflowRegisteredV2>;

const manifest: TemplateManifest = {
  id: 'text-to-image',
  version: 1,
  title: 'Text to image',
  description: 'd',
  kind: 'image',
  nodeClasses: ['SaveImage'],
  vramGb: 4,
  models: [],
  parameters: [{ name: 'prompt', schema: { type: 'string' }, targets: ['7.text'] }],
  outputs: [{ node: '7', kind: 'image', role: 'final', filenamePrefixInput: 'filename_prefix' }],
  progress: { '7': 1 },
};
const template: Registered = {
  slug: 'text-to-image',
  version: 1,
  manifest,
  graph: { inline: { '7': { class_type: 'SaveImage', inputs: {} } } },
  graphHash: 'a'.repeat(64),
  builtIn: true,
  lowMemory: null,
};
const registered = (data: Registered): WorkflowEvent => ({
  type: 'workflow.registered',
  storedName: 'workflow.registered.v1',
  aggregate: 'workflow',
  aggregateId: '018f0000-0000-7000-8000-000000000001',
  producer: 'gateway',
  position: 1,
  id: '018f0000-0000-7000-8000-000000000002',
  time: '2026-01-01T00:00:00.000Z',
  correlationId: '018f0000-0000-7000-8000-000000000002',
  actor: 'service:gateway',
  data,
});
const known = evolveWorkflow(NO_WORKFLOW, registered(template));
const register = (given: Registered) => decideWorkflow({ kind: 'RegisterWorkflow', template: given }, known);

describe('the registration of a template', () => {
  it('stores a version that is not known yet', () => {
    const second = { ...template, version: 2, manifest: { ...manifest, version: 2 } };
    expect(decideWorkflow({ kind: 'RegisterWorkflow', template }, NO_WORKFLOW)).toEqual({
      kind: 'event',
      contract: WorkflowRegisteredV2,
      data: template,
    });
    expect(register(second)).toMatchObject({ kind: 'event', data: { version: 2 } });
  });

  it('does nothing when the same content is registered again, whatever the order of its keys', () => {
    const reordered = Object.fromEntries(Object.entries(manifest).reverse()) as TemplateManifest;
    expect(register({ ...template, manifest: reordered })).toEqual({ kind: 'nothing' });
  });

  it('refuses other content under a known version and says what to do', () => {
    const decision = register({ ...template, graphHash: 'b'.repeat(64), manifest: { ...manifest, vramGb: 5 } });
    expect(decision).toMatchObject({ kind: 'refused', code: 'template-changed' });
    expect(decision.kind === 'refused' && decision.message).toBe(
      'the manifest and the graph of text-to-image@1 changed after it had been registered; give the change a version of its own (v2)',
    );
  });

  it('counts the graph that needs less memory as content', () => {
    const lowMemory = { graph: template.graph, graphHash: 'c'.repeat(64) };
    expect(register({ ...template, lowMemory })).toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/^the low-memory graph of text-to-image@1 changed/),
    });
  });

  it('keeps the first registration of a version', () => {
    const again = evolveWorkflow(known, registered({ ...template, graphHash: 'b'.repeat(64) }));
    expect(again.versions[1]?.graphHash).toBe(template.graphHash);
  });
});
