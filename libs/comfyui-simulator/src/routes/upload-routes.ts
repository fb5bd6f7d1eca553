import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { empty, json, type Reply } from '../http/reply.js';
import type { Request, Routes } from '../http/router.js';
import type { Directories } from '../nodes/node-kind.js';
import { folderOf, isInside } from './file-path.js';

export function uploadRoutes(directories: Directories): Routes {
  return { 'POST /upload/image': (request) => upload(request, directories) };
}

/** Stores the form's `image`; what the answer names, not what was sent, is the file's name. */
async function upload(request: Request, directories: Directories): Promise<Reply> {
  const form = await formData(request);
  const image = form?.get('image');
  if (!(image instanceof File) || image.name === '') return empty(400);
  const type = textField(form, 'type', 'input');
  const root = folderOf(directories, type);
  if (root === undefined) throw new TypeError(`no folder for type ${type}`);
  const subfolder = textField(form, 'subfolder', '');
  const folder = resolve(root, subfolder);
  if (!isInside(root, folder) || !isInside(folder, join(folder, image.name))) return empty(400);
  await mkdir(folder, { recursive: true });
  const bytes = Buffer.from(await image.arrayBuffer());
  const overwrite = ['true', '1'].includes(textField(form, 'overwrite', ''));
  const name = overwrite ? image.name : await freeName(folder, image.name, bytes);
  await writeFile(join(folder, name), bytes);
  return json({ name, subfolder, type });
}

/** The first of `name.ext`, `name (1).ext`, … that is free or already holds the same bytes. */
async function freeName(folder: string, name: string, bytes: Buffer): Promise<string> {
  const extension = extname(name);
  const stem = name.slice(0, name.length - extension.length);
  for (let index = 0; ; index += 1) {
    const candidate = index === 0 ? name : `${stem} (${index})${extension}`;
    const existing = await readFile(join(folder, candidate)).catch(() => undefined);
    if (existing === undefined || existing.equals(bytes)) return candidate;
  }
}

/** The form, or undefined when the body is no form at all. */
async function formData({ headers, body }: Request): Promise<FormData | undefined> {
  const contentType = headers['content-type'] ?? '';
  if (!/^(multipart\/form-data|application\/x-www-form-urlencoded)/.test(contentType)) return undefined;
  return new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData();
}

function textField(form: FormData | undefined, name: string, fallback: string): string {
  const value = form?.get(name);
  return typeof value === 'string' ? value : fallback;
}
