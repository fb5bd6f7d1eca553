import { readFile, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { type Faults, takeTear } from '../faults.js';
import { empty, type Reply } from '../http/reply.js';
import type { Request, Routes } from '../http/router.js';
import type { Directories } from '../nodes/node-kind.js';
import { folderOf, isInside } from './file-path.js';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.txt': 'text/plain',
  '.json': 'application/json',
};
/** Browsers would run these, so they come as downloads. */
const ACTIVE = ['.html', '.htm', '.svg', '.js', '.css', '.xhtml', '.xml'];

export function viewRoutes(directories: Directories, faults: Faults): Routes {
  return {
    'GET /view': async (request) => {
      const reply = await view(request, directories);
      if (reply.status !== 200 || request.query.get('type') === 'input') return reply;
      if (takeTear(faults, (how) => how === 'cut-download') === undefined) return reply;
      return { ...reply, cutAfter: Math.max(1, Math.floor(Buffer.byteLength(reply.body ?? '') / 2)) };
    },
  };
}

async function view(request: Request, directories: Directories): Promise<Reply> {
  const { query } = request;
  const asked = query.get('filename');
  if (asked === null) return empty(404);
  const { filename, type } = annotated(asked, query.get('type') ?? 'output');
  if (filename === '' || filename.startsWith('/') || filename.includes('..')) return empty(400);
  const root = folderOf(directories, type);
  if (root === undefined) return empty(400);
  const folder = resolve(root, query.get('subfolder') ?? '');
  if (!isInside(root, folder)) return empty(403);
  // Folders within the file name are cut off, once they have passed the check.
  const path = join(folder, basename(filename));
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  if (stats === undefined || !stats.isFile()) return empty(404);
  const preview = query.get('preview');
  if (preview !== null) return sendPreview(path, preview);
  const bytes = await readFile(path);
  return sendFile(request, path, bytes, `"${stats.mtimeNs.toString(16)}-${stats.size.toString(16)}"`, stats.mtime);
}

/** `name.png [input]` names its folder itself. */
function annotated(filename: string, type: string): { filename: string; type: string } {
  const match = /^(.*) \[(output|input|temp)\]$/.exec(filename);
  return match === null ? { filename, type } : { filename: match[1] ?? '', type: match[2] ?? type };
}

/** `webp;90`, `jpeg;50`: format and quality; everything but jpeg becomes webp. A file that is no picture throws. */
async function sendPreview(path: string, preview: string): Promise<Reply> {
  const [format, wanted] = preview.split(';');
  const quality = /^\d+$/.test(wanted ?? '') ? Math.min(100, Math.max(1, Number(wanted))) : 90;
  const isJpeg = format === 'jpeg';
  const picture = sharp(path, { limitInputPixels: false });
  const body = await (isJpeg ? picture.jpeg({ quality }) : picture.webp({ quality })).toBuffer();
  const headers = { 'content-type': isJpeg ? 'image/jpeg' : 'image/webp', ...disposition(path) };
  return { status: 200, headers, body };
}

function sendFile(request: Request, path: string, bytes: Buffer, etag: string, modified: Date): Reply {
  const extension = extname(path).toLowerCase();
  const isActive = ACTIVE.includes(extension);
  const headers = {
    'content-type': isActive ? 'application/octet-stream' : (CONTENT_TYPES[extension] ?? 'application/octet-stream'),
    'x-content-type-options': 'nosniff',
    etag,
    'last-modified': modified.toUTCString(),
    ...(isActive
      ? { 'content-disposition': `attachment; filename="${encodeName(path)}"`, 'cache-control': 'no-store' }
      : disposition(path)),
  };
  const { 'if-none-match': known, 'if-modified-since': since, range } = request.headers;
  const isFresh = known === undefined ? isNotModified(since, modified) : known === etag;
  if (isFresh) return { status: 304, headers };
  const accepted = { ...headers, 'accept-ranges': 'bytes' };
  const slice = range === undefined ? undefined : parseRange(range, bytes.length);
  if (slice === undefined) return { status: 200, headers: accepted, body: bytes };
  const [start, end] = slice;
  if (start >= bytes.length) return { status: 416, headers: { 'content-range': `bytes */${bytes.length}` } };
  const contentRange = { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` };
  return { status: 206, headers: { ...accepted, ...contentRange }, body: bytes.subarray(start, end) };
}

function isNotModified(since: string | undefined, modified: Date): boolean {
  return since !== undefined && Math.floor(modified.getTime() / 1000) * 1000 <= Date.parse(since);
}

/** One range of bytes as [start, end); undefined when the header is none that is understood. */
function parseRange(range: string, length: number): readonly [start: number, end: number] | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range);
  const [, first = '', last = ''] = match ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') return [Math.max(0, length - Number(last)), length];
  return [Number(first), last === '' ? length : Math.min(length, Number(last) + 1)];
}

const disposition = (path: string): Record<string, string> => ({
  'content-disposition': `filename="${encodeName(path)}"`,
});

/** A header holds Latin-1 at most; what does not fit is percent-encoded. */
function encodeName(path: string): string {
  return basename(path).replace(/[^ -~]|"/gu, (character) => encodeURIComponent(character));
}
