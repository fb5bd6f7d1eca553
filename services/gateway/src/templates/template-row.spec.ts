import { JobCancelRequestedV1, WorkflowRegisteredV2 } from '@anime/contracts';
import { uuidv7, type Checkpoint } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { testEvent } from '@anime/event-store/testing';
import { describe, expect, it } from '@jest/globals';
import { TemplateRegistry } from './template-registry.js';
import { templateRow } from './template-row.js';

/** A log of many events in which versions of a template stand far from the end. */
async function longLog(): Promise<MemoryLog> {
  const log = new MemoryLog();
  for (const version of [1, 2]) await log.append(testEvent(WorkflowRegisteredV2, uuidv7(), template(version)));
  for (let n = 0; n < 500; n += 1) await log.append(testEvent(JobCancelRequestedV1, uuidv7(), {}));
  return log;
}

function template(version: number) {
  const manifest = {
    id: 'text-to-image',
    version,
    title: 'a picture',
    description: 'd',
    kind: 'image' as const,
    nodeClasses: ['SaveImage'],
    vramGb: 4,
    models: [],
    parameters: [{ name: 'prompt', schema: { type: 'string' as const }, targets: ['7.text'] }],
    outputs: [{ node: '7', kind: 'image' as const, role: 'final', filenamePrefixInput: 'filename_prefix' }],
    progress: { '7': 1 },
  };
  return {
    slug: 'text-to-image',
    version,
    manifest,
    graph: { inline: {} },
    graphHash: 'a'.repeat(64),
    builtIn: true,
    lowMemory: null,
  };
}

function rowOn(log: MemoryLog) {
  const templates = new TemplateRegistry();
  let registered = 0;
  const row = templateRow(templates, log, () => void (registered += 1));
  const load = (): Promise<Checkpoint> => {
    const { signal } = new AbortController();
    return row.loadCheckpoint({ signal, refused: undefined, standby: () => undefined, lost: () => undefined });
  };
  /** Reads on until it has caught up. */
  const read = async (after: Checkpoint): Promise<number> => {
    const stop = new AbortController();
    let entries = 0;
    await log.follow({
      after,
      signal: stop.signal,
      onBatch: async (batch) => {
        entries += batch.entries.length;
        await row.onBatch(batch);
        if (batch.caughtUp) stop.abort();
      },
    });
    return entries;
  };
  return { templates, load, read, registered: () => registered };
}

describe('the reader of templates', () => {
  it('knows every template of a long log without reading what lies between them', async () => {
    const log = await longLog();
    const { templates, load, read, registered } = rowOn(log);
    const checkpoint = await load();
    expect(checkpoint.position).toBe(await log.end());
    expect(templates.known()).toEqual(['text-to-image@1', 'text-to-image@2']);
    expect(registered()).toBe(1);
    expect(await read(checkpoint)).toBe(0);
    await expect(templates.resolve('nothing', 'image')).rejects.toMatchObject({ code: 'template-not-found' });
  });

  it('takes what is registered from then on, and knows only what is in another log that it begins', async () => {
    const log = await longLog();
    const { templates, load, read, registered } = rowOn(log);
    const checkpoint = await load();
    await log.append(testEvent(WorkflowRegisteredV2, uuidv7(), template(3)));
    expect(await read(checkpoint)).toBe(1);
    expect(templates.known()).toContain('text-to-image@3');

    log.restoreTo(1);
    await read(await load());
    expect(templates.known()).toEqual(['text-to-image@1']);
    expect(registered()).toBe(2);
  });

  it('asks for no registration while the log is away, however often it begins', async () => {
    const log = await longLog();
    log.end = () => Promise.reject(new Error('away'));
    const { load, registered } = rowOn(log);
    await expect(load()).rejects.toThrow('away');
    expect(registered()).toBe(0);
  });
});
