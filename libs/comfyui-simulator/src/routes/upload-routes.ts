import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { isRecord } from '../graph.js';
import { type FormPart, parseMultipart } from '../http/multipart.js';
import { empty, json, type Reply } from '../http/reply.js';
import type { Request, Routes } from '../http/router.js';
import type { Directories } from '../nodes/node-kind.js';
import { parsePythonJson } from '../python-json.js';
import { folderOf, isInside } from './file-path.js';

export function uploadRoutes(directories: Directories): Routes {
  return {
    'POST /upload/image': (request) => upload(request, directories, storeImage),
    'POST /upload/mask': (request) => upload(request, directories, (target) => storeMask(target, directories)),
  };
}

/** An upload on its way to its place. */
interface Target {
  readonly form: Form;
  readonly folder: string;
  readonly filename: string;
  readonly content: Buffer;
}

/** @returns the name under which it lies */
type Store = (target: Target) => Promise<string>;

/** Stores the form's `image`; what the answer names, not what was sent, is the file's name. */
async function upload(request: Request, directories: Directories, store: Store): Promise<Reply> {
  const form = new Form(parseMultipart(request.headers['content-type'] ?? '', request.body) ?? []);
  const image = form.part('image');
  if (image === undefined || (!image.filename && image.content.length === 0)) return empty(400);
  // A field without a file name is text to the server, which asks it for a file.
  if (!image.filename) throw new TypeError("'str' object has no attribute 'file'");
  const type = form.text('type') ?? 'input';
  const root = folderOf(directories, type);
  if (root === undefined) throw new TypeError(`no folder for type ${type}`);
  const subfolder = form.text('subfolder') ?? '';
  const folder = resolve(root, subfolder);
  if (!isInside(root, folder) || !isInside(folder, join(folder, image.filename))) return empty(400);
  await mkdir(folder, { recursive: true });
  const name = await store({ form, folder, filename: image.filename, content: image.content });
  return json({ name, subfolder, type });
}

async function storeImage({ form, folder, filename, content }: Target): Promise<string> {
  const overwrite = ['true', '1'].includes(form.text('overwrite') ?? '');
  const name = overwrite ? filename : await freeName(folder, filename, content);
  await writeFile(join(folder, name), content);
  return name;
}

/** The original with the alpha of what was sent; without the original nothing is written, and the answer is the same. */
async function storeMask({ form, folder, filename, content }: Target, directories: Directories): Promise<string> {
  const reference = parsePythonJson(form.text('original_ref') ?? '');
  if (!isRecord(reference)) throw new TypeError('original_ref is not an object');
  const { filename: original, subfolder = '', type = 'output' } = reference;
  const root = folderOf(directories, String(type));
  const picture = await readFile(resolve(root ?? '', String(subfolder), String(original))).catch(() => undefined);
  if (picture === undefined) return filename;
  const alpha = await sharp(content).ensureAlpha().extractChannel('alpha').toBuffer();
  await sharp(picture).removeAlpha().joinChannel(alpha).png({ compressionLevel: 4 }).toFile(join(folder, filename));
  return filename;
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

class Form {
  constructor(private readonly parts: readonly FormPart[]) {}

  part(name: string): FormPart | undefined {
    return this.parts.find((part) => part.name === name);
  }

  text(name: string): string | undefined {
    return this.part(name)?.content.toString('utf8');
  }
}
