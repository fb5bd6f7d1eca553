import type { EventData, TemplateManifest, WorkflowRegisteredV2 } from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import { TemplateRegistry } from './template-registry.js';

function registered(
  slug: string,
  version: number,
  kind: 'image' | 'video' = 'image',
): { data: EventData<typeof WorkflowRegisteredV2> } {
  const manifest: TemplateManifest = {
    id: slug,
    version,
    title: slug,
    description: 'd',
    kind,
    nodeClasses: ['SaveImage'],
    vramGb: 4,
    models: [],
    parameters: [{ name: 'prompt', schema: { type: 'string' }, targets: ['7.text'] }],
    outputs: [{ node: '7', kind: 'image', role: 'final', filenamePrefixInput: 'filename_prefix' }],
    progress: { '7': 1 },
  };
  return {
    data: { slug, version, manifest, graph: { inline: {} }, graphHash: 'a'.repeat(64), builtIn: true, lowMemory: null },
  };
}

function registry(): TemplateRegistry {
  const templates = new TemplateRegistry();
  for (const version of [2, 10, 1]) templates.add(registered('text-to-image', version));
  templates.add(registered('text-to-animation', 1, 'video'));
  templates.markCaughtUp();
  return templates;
}

describe('the registry of templates', () => {
  it('takes the newest version by number, or the one that is named', async () => {
    expect(await registry().resolve('text-to-image', 'image')).toMatchObject({ version: 10 });
    expect(await registry().resolve('text-to-image@2', 'image')).toMatchObject({ version: 2 });
  });

  it('knows what to take when none is named', async () => {
    expect(await registry().resolve(undefined, 'image')).toMatchObject({ id: 'text-to-image' });
    expect(await registry().resolve(undefined, 'video')).toMatchObject({ id: 'text-to-animation' });
  });

  it.each(['nothing', 'text-to-image@3'])('names what there is when asked for %s', async (name) => {
    await expect(registry().resolve(name, 'image')).rejects.toMatchObject({
      code: 'template-not-found',
      errors: [
        {
          path: '/template',
          message: 'must be one of text-to-animation@1, text-to-image@1, text-to-image@10, text-to-image@2',
        },
      ],
    });
  });

  it('does not let a video template make an image', async () => {
    await expect(registry().resolve('text-to-animation', 'image')).rejects.toMatchObject({
      code: 'parameter-invalid',
      status: 422,
      errors: [{ path: '/template' }],
    });
  });

  it('waits for a template that may still stand further on in the log', async () => {
    const templates = new TemplateRegistry();
    const asked = templates.resolve('text-to-image', 'image');
    templates.add(registered('text-to-animation', 1, 'video'));
    templates.add(registered('text-to-image', 1));
    expect(await asked).toMatchObject({ id: 'text-to-image' });
  });

  it('says that it does not know yet, rather than that there is none, until it has read the log', async () => {
    await expect(new TemplateRegistry().resolve('text-to-image', 'image')).rejects.toMatchObject({
      code: 'log-unavailable',
      retryAfter: 2,
    });
  });

  it('keeps the first registration of a version', async () => {
    const templates = registry();
    templates.add({ data: { ...registered('text-to-image', 10, 'video').data } });
    expect(await templates.resolve('text-to-image@10', 'image')).toMatchObject({ kind: 'image' });
  });

  it('forgets the templates of a log that was replaced, and says that it does not know until the other one is read', async () => {
    const templates = registry();
    templates.restart();
    const asked = templates.resolve('text-to-image', 'image');
    templates.add(registered('text-to-image', 2));
    expect(await asked).toMatchObject({ version: 2 });
    templates.markCaughtUp();
    expect(templates.known()).toEqual(['text-to-image@2']);
  });
});
