import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiGraph, Slug, TemplateManifest } from '@anime/contracts';
import { messageOf } from '@anime/problem-details';
import { checkTemplate } from '@anime/workflow-engine';
import { z } from 'zod';

/** A version of a template as it lies on disk. */
export interface TemplateFile {
  readonly manifest: TemplateManifest;
  readonly graph: ApiGraph;
  /** The graph that needs less memory, if the manifest says that there is one. */
  readonly lowMemory?: ApiGraph | undefined;
}

export interface TemplateFolder {
  readonly templates: readonly TemplateFile[];
  /** What could not be used, each with its reason. */
  readonly faults: readonly string[];
}

/**
 * Reads every `<folder>/<slug>/v<N>/{manifest.json,graph.api.json}`, and `graph.low-memory.api.json` where the
 * manifest says that there is one. One that is not sound is left out and named; the
 * others are not held up by it.
 */
export async function readTemplateFolder(folder: string): Promise<TemplateFolder> {
  const templates: TemplateFile[] = [];
  const faults: string[] = [];
  for (const slug of await foldersIn(folder, faults)) {
    if (!Slug.safeParse(slug).success) continue;
    for (const version of await foldersIn(join(folder, slug), faults)) {
      const number = /^v([1-9]\d*)$/.exec(version)?.[1];
      if (number === undefined) continue;
      const path = join(folder, slug, version);
      try {
        templates.push(await readTemplate(path, slug, Number(number)));
      } catch (error) {
        faults.push(`${slug}/${version}: ${messageOf(error)}`);
      }
    }
  }
  return { templates, faults };
}

async function readTemplate(path: string, slug: string, version: number): Promise<TemplateFile> {
  const manifest = await readJson(join(path, 'manifest.json'), TemplateManifest);
  const graph = await readJson(join(path, 'graph.api.json'), ApiGraph);
  const lowMemory =
    manifest.lowMemory === undefined ? undefined : await readJson(join(path, 'graph.low-memory.api.json'), ApiGraph);
  const named = manifest.id === slug && manifest.version === version;
  const faults = [
    ...(named ? [] : [`the manifest names ${manifest.id}@${manifest.version}, its folder ${slug}@${version}`]),
    ...checkTemplate(manifest, graph, lowMemory),
  ];
  if (faults.length > 0) throw new Error(faults.join('; '));
  return { manifest, graph, lowMemory };
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const result = schema.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (!result.success) throw new Error(`${path}: ${z.prettifyError(result.error)}`);
  return result.data;
}

async function foldersIn(path: string, faults: string[]): Promise<readonly string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    faults.push(messageOf(error));
    return [];
  }
}
