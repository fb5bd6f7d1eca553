import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkflowRegisteredV2 } from '@anime/contracts';
import { workflowIdOf } from '@anime/event-store';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readTemplateFolder } from '../templates/template-files.js';
import { builtIn, JobDesk, WORKFLOWS } from '../testing/job-desk.js';

let desk: JobDesk;
beforeEach(async () => {
  desk = await JobDesk.open();
});
afterEach(() => desk[Symbol.asyncDispose]());

describe('the built-in templates', () => {
  it('are registered once, however often and from however many gateways at a time', async () => {
    const templates = await builtIn();
    await Promise.all([...templates, ...templates].map((template) => desk.register(template)));
    for (const template of templates) await desk.register(template);
    const names = (await desk.entries()).map((entry) => entry.status === 'event' && entry.event.type);
    expect(names).toEqual(templates.map(() => 'workflow.registered'));
  });

  it('are refused when their content changed under a registered version', async () => {
    const [template] = await builtIn();
    if (template === undefined) throw new Error('no template');
    await desk.register(template);
    const changed = { ...template, manifest: { ...template.manifest, vramGb: template.manifest.vramGb + 1 } };
    await expect(desk.register(changed)).rejects.toMatchObject({
      code: 'template-changed',
      message: expect.stringMatching(/manifest.*v2/),
    });
    expect(await desk.log.end()).toBe(1);
  });

  it('carry the graph that needs less memory, and are refused when only that changed', async () => {
    const template = (await builtIn()).find(({ lowMemory }) => lowMemory !== undefined);
    if (template?.lowMemory === undefined) throw new Error('no template for less memory');
    const { lowMemory } = await desk.register(template);
    expect(lowMemory?.graph).toEqual({ inline: template.lowMemory });
    const changed = structuredClone(template.lowMemory);
    for (const node of Object.values(changed)) if ('tile_size' in node.inputs) node.inputs['tile_size'] = 128;
    await expect(desk.register({ ...template, lowMemory: changed })).rejects.toMatchObject({
      code: 'template-changed',
      message: expect.stringMatching(/the low-memory graph of image-to-image@1/),
    });
  });

  it('carry a graph of more than 64 KiB as a blob', async () => {
    const [template] = await builtIn();
    if (template === undefined) throw new Error('no template');
    const graph = structuredClone(template.graph);
    graph['note'] = { class_type: 'Note', inputs: { text: 'x'.repeat(70_000) } };
    await desk.register({ ...template, graph });
    const last = await desk.log.lastOfAggregate('workflow', workflowIdOf('studio', template.manifest.id));
    const data = last?.status === 'event' ? WorkflowRegisteredV2.data.parse(last.event.data) : undefined;
    const body = data?.graph;
    if (body === undefined || !('blob' in body)) throw new Error('the graph is not a blob');
    expect(JSON.parse(Buffer.from(await desk.blobs.get(body.blob)).toString())).toEqual(graph);
  });

  it('that are not sound are left out and named, the others are not', async () => {
    const copy = join(desk.folder, 'workflows');
    await cp(WORKFLOWS, copy, { recursive: true });
    const path = join(copy, 'text-to-image', 'v1', 'manifest.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"version": 1', '"version": 7'));
    const { templates, faults } = await readTemplateFolder(copy);
    expect(templates.map(({ manifest }) => manifest.id)).not.toContain('text-to-image');
    expect(templates.length).toBeGreaterThan(0);
    expect(faults).toEqual([
      expect.stringMatching(/^text-to-image\/v1: the manifest names text-to-image@7, its folder text-to-image@1/),
    ]);
  });
});
